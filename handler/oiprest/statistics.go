package oiprest

import (
	"net/http"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// The statistics in Triton's form (extension_statistics.md of its documentation). No member
// is left out: perf_analyzer fails where one is missing or not a number.
type (
	duration struct {
		Count uint64 `json:"count"`
		Ns    uint64 `json:"ns"`
	}
	inferStatistics struct {
		Success       duration `json:"success"`
		Fail          duration `json:"fail"`
		Queue         duration `json:"queue"`
		ComputeInput  duration `json:"compute_input"`
		ComputeInfer  duration `json:"compute_infer"`
		ComputeOutput duration `json:"compute_output"`
		CacheHit      duration `json:"cache_hit"`
		CacheMiss     duration `json:"cache_miss"`
	}
	batchStatistics struct {
		BatchSize     uint64   `json:"batch_size"`
		ComputeInput  duration `json:"compute_input"`
		ComputeInfer  duration `json:"compute_infer"`
		ComputeOutput duration `json:"compute_output"`
	}
	memoryUsage struct {
		Type     string `json:"type"`
		ID       int64  `json:"id"`
		ByteSize uint64 `json:"byte_size"`
	}
	modelStats struct {
		Name           string            `json:"name"`
		Version        string            `json:"version"`
		LastInference  uint64            `json:"last_inference"`
		InferenceCount uint64            `json:"inference_count"`
		ExecutionCount uint64            `json:"execution_count"`
		InferenceStats inferStatistics   `json:"inference_stats"`
		ResponseStats  struct{}          `json:"response_stats"` // of models with several answers: none here
		BatchStats     []batchStatistics `json:"batch_stats"`
		MemoryUsage    []memoryUsage     `json:"memory_usage"`
	}
)

// modelStatistics answers with the counts and times of a version, of a model's versions,
// or of all models, as the path names them.
func (h *Handler) modelStatistics(w http.ResponseWriter, r *http.Request) error {
	res, err := h.admin.ModelStatistics(r.Context(), &inference.ModelStatisticsRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	all := make([]modelStats, len(res.GetModelStats()))
	for i, m := range res.GetModelStats() {
		all[i] = statisticsOf(m)
	}
	h.writeJSON(w, http.StatusOK, struct {
		ModelStats []modelStats `json:"model_stats"`
	}{all})
	return nil
}

func statisticsOf(m *inference.ModelStatistics) modelStats {
	infer := m.GetInferenceStats()
	out := modelStats{
		Name: m.GetName(), Version: m.GetVersion(),
		LastInference: m.GetLastInference(), InferenceCount: m.GetInferenceCount(), ExecutionCount: m.GetExecutionCount(),
		InferenceStats: inferStatistics{
			Success: durationOf(infer.GetSuccess()), Fail: durationOf(infer.GetFail()), Queue: durationOf(infer.GetQueue()),
			ComputeInput: durationOf(infer.GetComputeInput()), ComputeInfer: durationOf(infer.GetComputeInfer()), ComputeOutput: durationOf(infer.GetComputeOutput()),
			CacheHit: durationOf(infer.GetCacheHit()), CacheMiss: durationOf(infer.GetCacheMiss()),
		},
		BatchStats:  make([]batchStatistics, len(m.GetBatchStats())),
		MemoryUsage: make([]memoryUsage, len(m.GetMemoryUsage())),
	}
	for i, b := range m.GetBatchStats() {
		out.BatchStats[i] = batchStatistics{b.GetBatchSize(), durationOf(b.GetComputeInput()), durationOf(b.GetComputeInfer()), durationOf(b.GetComputeOutput())}
	}
	for i, u := range m.GetMemoryUsage() {
		out.MemoryUsage[i] = memoryUsage{u.GetType(), u.GetId(), u.GetByteSize()}
	}
	return out
}

func durationOf(d *inference.StatisticDuration) duration {
	return duration{d.GetCount(), d.GetNs()}
}
