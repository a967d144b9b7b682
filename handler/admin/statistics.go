package admin

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// ModelStatistics implements the RPC. Versions that are not ready have no statistics.
func (s *Service) ModelStatistics(ctx context.Context, m *inference.ModelStatisticsRequest) (*inference.ModelStatisticsResponse, error) {
	versions, err := s.versionsOf(ctx, m.GetName(), m.GetVersion())
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	res := &inference.ModelStatisticsResponse{}
	for _, v := range versions {
		res.ModelStats = append(res.ModelStats, statisticsOf(v))
	}
	return res, nil
}

// versionsOf returns the versions that are ready: of all models where name is empty,
// of one model where version is.
func (s *Service) versionsOf(ctx context.Context, name, version string) ([]*infer.Version, error) {
	if name == "" {
		if version != "" {
			return nil, infer.Invalidf("version is %q, but name is empty: give the model's name", version)
		}
		var versions []*infer.Version
		for _, model := range infer.Visible(ctx, s.models).Models {
			versions = append(versions, readyVersions(model)...)
		}
		return versions, nil
	}
	model, one, err := s.ready(ctx, name, version)
	if err != nil {
		return nil, err
	}
	if version != "" {
		return []*infer.Version{one}, nil
	}
	return readyVersions(model), nil
}

func readyVersions(model *infer.Model) []*infer.Version {
	var versions []*infer.Version
	for v := range model.OldestFirst() {
		if v.State == repository.Ready {
			versions = append(versions, v)
		}
	}
	return versions
}

func statisticsOf(v *infer.Version) *inference.ModelStatistics {
	sums := v.Statistics.Sums()
	stats := &inference.ModelStatistics{
		Name: v.Model, Version: v.Name(),
		InferenceCount: sums.Inferences, ExecutionCount: sums.Executions,
		InferenceStats: &inference.InferStatistics{
			Success: durationOf(sums.Success), Fail: durationOf(sums.Fail), Queue: durationOf(sums.Queue),
			ComputeInput: durationOf(sums.ComputeInput), ComputeInfer: durationOf(sums.ComputeInfer), ComputeOutput: durationOf(sums.ComputeOutput),
			CacheHit: durationOf(sums.CacheHit), CacheMiss: durationOf(sums.CacheMiss),
		},
	}
	if !sums.LastInference.IsZero() {
		stats.LastInference = uint64(sums.LastInference.UnixMilli())
	}
	for _, b := range sums.Batches {
		stats.BatchStats = append(stats.BatchStats, &inference.InferBatchStatistics{
			BatchSize:    b.BatchSize,
			ComputeInput: durationOf(b.ComputeInput), ComputeInfer: durationOf(b.ComputeInfer), ComputeOutput: durationOf(b.ComputeOutput),
		})
	}
	return stats
}

func durationOf(d telemetry.Duration) *inference.StatisticDuration {
	return &inference.StatisticDuration{Count: d.Count, Ns: uint64(d.Total / time.Nanosecond)}
}
