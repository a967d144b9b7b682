package scheduler_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/scheduler"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSession(t *testing.T) {
	enginetest.Test(t, func(*testing.T) engine.Session {
		return scheduler.New(&identity{}, scheduler.Options{})
	})
}

func TestRunsAtMostInstancesAtOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &identity{hold: time.Second}
		s := scheduler.New(inner, scheduler.Options{Instances: 2})
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				result, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)})
				if err != nil {
					t.Error(err)
					return
				}
				if want := time.Duration(i/2) * time.Second; result.Timings.Queue != want {
					t.Errorf("call %d waited %v, want %v", i, result.Timings.Queue, want)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if inner.most != 2 {
			t.Errorf("%d calls ran at once", inner.most)
		}
		if !slices.Equal(inner.order, []float32{0, 1, 2, 3, 4, 5}) {
			t.Errorf("calls ran in the order %v", inner.order)
		}
	})
}

func TestFullQueueAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scheduler.New(&identity{hold: time.Second}, scheduler.Options{Instances: 1, MaxQueue: 1})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); !errors.Is(err, scheduler.ErrQueueFull) || time.Since(start) != 0 {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		group.Wait()
		if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); err != nil {
			t.Errorf("after the queue has emptied: %v", err)
		}
	})
}

func TestCallerThatLeavesTheQueueNeverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &identity{hold: time.Minute}
		s := scheduler.New(inner, scheduler.Options{Instances: 1, MaxQueue: 1})
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 0)}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 3 { // each finds the place that the one before it has left
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(2, 0)}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		group.Wait()
		if !slices.Equal(inner.order, []float32{1}) {
			t.Errorf("calls that ran: %v", inner.order)
		}
	})
}

// identity gives its input back after hold, and records what ran.
type identity struct {
	hold time.Duration

	closing sync.RWMutex
	closed  bool

	mu      sync.Mutex
	running int
	most    int
	order   []float32
}

func (s *identity) Signature() *engine.Signature {
	spec := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 2}, DimNames: []string{"batch", ""}}
	return &engine.Signature{Inputs: []engine.TensorSpec{spec}, Outputs: []engine.TensorSpec{spec}}
}

func (s *identity) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	values, _ := tensor.View[float32](inputs[0].Data)
	s.mu.Lock()
	s.running++
	s.most = max(s.most, s.running)
	s.order = append(s.order, values[0])
	s.mu.Unlock()
	time.Sleep(s.hold)
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	out := inputs[0]
	out.Data = slices.Clone(out.Data)
	return &engine.Result{Outputs: []tensor.Tensor{out}, Timings: engine.Timings{Compute: max(s.hold, 1)}}, nil
}

func (s *identity) Close() error {
	s.closing.Lock()
	defer s.closing.Unlock()
	s.closed = true
	return nil
}
