package telemetry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestStatisticsSumUp(t *testing.T) {
	var s telemetry.Statistics
	now := time.UnixMilli(1_700_000_000_000)
	for range 5 {
		s.Arrived()
	}
	s.Succeeded(now, telemetry.Sample{BatchSize: 4, Total: 10, Queue: 1, ComputeInput: 2, ComputeInfer: 3, ComputeOutput: 4})
	s.Succeeded(now.Add(time.Second), telemetry.Sample{BatchSize: 1, Total: 5, ComputeInfer: 5})
	s.Succeeded(now, telemetry.Sample{BatchSize: 4, Cached: true, Total: 1})
	s.Failed(7)
	s.NotRun("queue_full")
	got := s.Sums()
	if got.InFlight != 1 || got.Inferences != 5 || got.Success != (telemetry.Duration{Count: 3, Total: 16}) || got.Fail != (telemetry.Duration{Count: 1, Total: 7}) {
		t.Errorf("%+v", got)
	}
	if got.Queue != (telemetry.Duration{Count: 3, Total: 1}) || got.QueueSeconds.Count != 3 || got.ComputeInput.Count != 2 || got.ComputeInput.Total != 2 || got.ComputeInfer.Total != 8 || got.ComputeOutput.Total != 4 {
		t.Errorf("%+v", got)
	}
	if !got.LastInference.Equal(now.Add(time.Second)) || got.NotRun["queue_full"] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestStatisticsOfExecutions(t *testing.T) {
	var s telemetry.Statistics
	s.Executed(4, 1, 20, 3)
	s.Executed(1, 0, 5, 0)
	s.Executed(4, 1, 10, 3)
	s.Running(2)
	s.Queued(3, 300)
	s.LookedUp(true, 5)
	s.LookedUp(false, 6)
	got := s.Sums()
	want := []telemetry.BatchSums{
		{BatchSize: 1, ComputeInput: telemetry.Duration{Count: 1}, ComputeInfer: telemetry.Duration{Count: 1, Total: 5}, ComputeOutput: telemetry.Duration{Count: 1}},
		{BatchSize: 4, ComputeInput: telemetry.Duration{Count: 2, Total: 2}, ComputeInfer: telemetry.Duration{Count: 2, Total: 30}, ComputeOutput: telemetry.Duration{Count: 2, Total: 6}},
	}
	if got.Executions != 3 || !slices.Equal(got.Batches, want) {
		t.Errorf("%d executions, %+v", got.Executions, got.Batches)
	}
	if got.Running != 2 || got.Waiting != 3 || got.WaitingBytes != 300 || got.CacheHit.Total != 5 || got.CacheMiss.Total != 6 {
		t.Errorf("%+v", got)
	}
}

func TestHistogramsCountBySize(t *testing.T) {
	var s telemetry.Statistics
	for _, rows := range []int64{1, 2, 3, 4, 5000} {
		s.Executed(rows, 0, 0, 0)
	}
	h := s.Sums().BatchSizes
	if h.Count != 5 || h.Sum != 5010 || h.Counts[0] != 1 || h.Counts[1] != 1 || h.Counts[2] != 2 || h.Counts[len(h.Bounds)] != 1 {
		t.Errorf("%+v", h)
	}
	s.Arrived()
	s.Succeeded(time.Now(), telemetry.Sample{Total: time.Millisecond, Queue: 40 * time.Microsecond, ComputeInfer: time.Hour})
	got := s.Sums()
	if i := slices.Index(got.RequestSeconds.Bounds, 1e-3); got.RequestSeconds.Counts[i] != 1 {
		t.Errorf("%+v", got.RequestSeconds)
	}
	if got.QueueSeconds.Counts[0] != 1 || got.ComputeSeconds.Counts[len(got.ComputeSeconds.Bounds)] != 1 {
		t.Errorf("%+v %+v", got.QueueSeconds, got.ComputeSeconds)
	}
}
