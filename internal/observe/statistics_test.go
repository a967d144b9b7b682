package observe_test

import (
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/observe"
)

func TestStatisticsSumUp(t *testing.T) {
	var s observe.Statistics
	now := time.UnixMilli(1_700_000_000_000)
	s.Succeeded(now, observe.Sample{BatchSize: 4, Total: 10, Queue: 1, ComputeInput: 2, ComputeInfer: 3, ComputeOutput: 4})
	s.Succeeded(now.Add(time.Second), observe.Sample{BatchSize: 1, Total: 5, ComputeInfer: 5})
	s.Succeeded(now, observe.Sample{BatchSize: 4, Total: 1, ComputeInfer: 1})
	s.Failed(7)
	got := s.Sums()
	if got.Inferences != 9 || got.Executions != 3 || got.Success != (observe.Duration{Count: 3, Total: 16}) || got.Fail != (observe.Duration{Count: 1, Total: 7}) {
		t.Errorf("%+v", got)
	}
	if got.Queue.Total != 1 || got.ComputeInput.Total != 2 || got.ComputeInfer.Total != 9 || got.ComputeOutput.Total != 4 {
		t.Errorf("%+v", got)
	}
	if len(got.Batches) != 2 || got.Batches[0].BatchSize != 1 || got.Batches[1].ComputeInfer != (observe.Duration{Count: 2, Total: 4}) {
		t.Errorf("batches %+v", got.Batches)
	}
	if !got.LastInference.Equal(now.Add(time.Second)) {
		t.Errorf("the last inference was at %v", got.LastInference)
	}
}
