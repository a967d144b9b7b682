package handler

import (
	"net/http"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// The statistics in Triton's form (extension_statistics.md of its documentation). Every
// member is there: perf_analyzer ends where one is missing or no number.
type (
	restDuration struct {
		Count uint64 `json:"count"`
		Ns    uint64 `json:"ns"`
	}
	restInferStatistics struct {
		Success       restDuration `json:"success"`
		Fail          restDuration `json:"fail"`
		Queue         restDuration `json:"queue"`
		ComputeInput  restDuration `json:"compute_input"`
		ComputeInfer  restDuration `json:"compute_infer"`
		ComputeOutput restDuration `json:"compute_output"`
		CacheHit      restDuration `json:"cache_hit"`
		CacheMiss     restDuration `json:"cache_miss"`
	}
	restBatchStatistics struct {
		BatchSize     uint64       `json:"batch_size"`
		ComputeInput  restDuration `json:"compute_input"`
		ComputeInfer  restDuration `json:"compute_infer"`
		ComputeOutput restDuration `json:"compute_output"`
	}
	restMemoryUsage struct {
		Type     string `json:"type"`
		ID       int64  `json:"id"`
		ByteSize uint64 `json:"byte_size"`
	}
	restModelStatistics struct {
		Name           string                `json:"name"`
		Version        string                `json:"version"`
		LastInference  uint64                `json:"last_inference"`
		InferenceCount uint64                `json:"inference_count"`
		ExecutionCount uint64                `json:"execution_count"`
		InferenceStats restInferStatistics   `json:"inference_stats"`
		ResponseStats  struct{}              `json:"response_stats"` // of models that answer several times: none here
		BatchStats     []restBatchStatistics `json:"batch_stats"`
		MemoryUsage    []restMemoryUsage     `json:"memory_usage"`
	}
)

// modelStatistics gives the counts and times of a version, of a model's versions, or
// of all models, as the path names them.
func (s *REST) modelStatistics(w http.ResponseWriter, r *http.Request) error {
	res, err := s.inference.ModelStatistics(r.Context(), &inference.ModelStatisticsRequest{Name: r.PathValue("model"), Version: r.PathValue("version")})
	if err != nil {
		return err
	}
	all := make([]restModelStatistics, len(res.GetModelStats()))
	for i, m := range res.GetModelStats() {
		all[i] = restStatisticsOf(m)
	}
	s.writeJSON(w, http.StatusOK, struct {
		ModelStats []restModelStatistics `json:"model_stats"`
	}{all})
	return nil
}

func restStatisticsOf(m *inference.ModelStatistics) restModelStatistics {
	infer := m.GetInferenceStats()
	out := restModelStatistics{
		Name: m.GetName(), Version: m.GetVersion(),
		LastInference: m.GetLastInference(), InferenceCount: m.GetInferenceCount(), ExecutionCount: m.GetExecutionCount(),
		InferenceStats: restInferStatistics{
			Success: restDurationOf(infer.GetSuccess()), Fail: restDurationOf(infer.GetFail()), Queue: restDurationOf(infer.GetQueue()),
			ComputeInput: restDurationOf(infer.GetComputeInput()), ComputeInfer: restDurationOf(infer.GetComputeInfer()), ComputeOutput: restDurationOf(infer.GetComputeOutput()),
			CacheHit: restDurationOf(infer.GetCacheHit()), CacheMiss: restDurationOf(infer.GetCacheMiss()),
		},
		BatchStats:  make([]restBatchStatistics, len(m.GetBatchStats())),
		MemoryUsage: make([]restMemoryUsage, len(m.GetMemoryUsage())),
	}
	for i, b := range m.GetBatchStats() {
		out.BatchStats[i] = restBatchStatistics{b.GetBatchSize(), restDurationOf(b.GetComputeInput()), restDurationOf(b.GetComputeInfer()), restDurationOf(b.GetComputeOutput())}
	}
	for i, u := range m.GetMemoryUsage() {
		out.MemoryUsage[i] = restMemoryUsage{u.GetType(), u.GetId(), u.GetByteSize()}
	}
	return out
}

func restDurationOf(d *inference.StatisticDuration) restDuration {
	return restDuration{d.GetCount(), d.GetNs()}
}
