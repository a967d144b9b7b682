package scheduler_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// kept sends requests of one row of size values, which are batched. It returns how many of
// their inputs are still in memory after all responses, and the size of the heap in bytes.
func kept(t *testing.T, requests, size int) (inputs int, heap uint64) {
	t.Helper()
	s := scheduler.New(&shapes{hold: time.Second}, scheduler.Options{Instances: 2, MaxQueueBytes: 1 << 30, Batching: &scheduler.Batching{MaxSize: requests, MaxDelay: time.Second}})
	memory := make([]weak.Pointer[float32], requests)
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			values := make([]float32, size)
			memory[i] = weak.Make(&values[0])
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond+time.Duration(i%2)*time.Hour)
			defer cancel()
			_, err := s.Run(ctx, []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, int64(size)}, Data: tensor.AsBytes(values)}, stringsOf(0, 1)})
			if (err != nil) != (i%2 == 0) {
				t.Errorf("request %d: %v", i, err)
			}
		})
	}
	group.Wait()
	synctest.Wait()
	runtime.GC()
	runtime.GC() // objects that the first one made unreachable
	for _, p := range memory {
		if p.Value() != nil {
			inputs++
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return inputs, stats.HeapAlloc
}

// The scheduler retains neither inputs of answered requests nor the buffer of an unusually
// large batch.
func TestAnsweredRequestsAreNotRetained(t *testing.T) {
	bubble(t, func(t *testing.T) {
		if n, _ := kept(t, 8, 1000); n != 0 {
			t.Errorf("%d requests are in memory after they were answered", n)
		}
		const row = 4 << 20 // so that half the batch has 64 MiB
		if n, heap := kept(t, 8, row); n != 0 || heap > 32<<20 {
			t.Errorf("%d requests are in memory, and %d MiB", n, heap>>20)
		}
	})
}

// Batching stops for a model that does not preserve the batch dimension, contrary to its
// configuration.
func TestBatchingStopsWithoutBatchDimension(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second, fault: func(_ int, values []float32) (*engine.Result, error) {
			if len(values) == 2 {
				return nil, nil
			}
			return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: make([]byte, 8)}}}, nil
		}}
		s := open(t, inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 4, MaxDelay: time.Millisecond}})
		c := callers{t: t, session: s}
		for i := range 40 {
			c.call(t.Context(), float32(i), nil)
		}
		c.group.Wait()
		batched := 0
		for _, rows := range inner.ran() {
			if len(rows) > 1 {
				batched++
			}
		}
		if batched != 3 || len(inner.ran()) != 43 {
			t.Errorf("of %d calls %d were batches", len(inner.ran()), batched)
		}
	})
}

// aliasing returns its inputs without a copy.
type aliasing struct{ shapes }

func (*aliasing) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	time.Sleep(time.Second)
	return &engine.Result{Outputs: slices.Clone(inputs)}, nil
}

// A batch's buffer is not reused when the engine returned it as an output.
func TestCallersOwnTheirOutputs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := scheduler.New(&aliasing{}, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 2, MaxDelay: time.Millisecond}})
		answers := make([]*engine.Result, 8)
		var group sync.WaitGroup
		for i := range answers {
			group.Go(func() {
				var err error
				if answers[i], err = s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 1}, Data: tensor.AsBytes([]float32{float32(i)})}, stringsOf(i, 1)}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for i, a := range answers {
			if !slices.Equal(a.Outputs[0].Data, tensor.AsBytes([]float32{float32(i)})) || !slices.Equal(a.Outputs[1].Data, stringsOf(i, 1).Data) {
				t.Errorf("output %d was overwritten: %v", i, a.Outputs)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
