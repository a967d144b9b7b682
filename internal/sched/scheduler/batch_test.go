package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// batches sends one request at each of these times, and returns the calls of the engine.
func batches(t *testing.T, options scheduler.Options, inner *fake, at ...time.Duration) string {
	t.Helper()
	var ran string
	bubble(t, func(t *testing.T) {
		s := scheduler.New(inner, options)
		c := callers{t: t, session: s}
		start := time.Now()
		for i, when := range at {
			time.Sleep(when - time.Since(start))
			c.call(t.Context(), float32(i), nil)
			synctest.Wait()
		}
		c.group.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		ran = fmt.Sprint(inner.ran())
	})
	return ran
}

func TestBatches(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		batching scheduler.Batching
		at       []time.Duration
		want     string
	}{
		// The first runs at once; later ones are batched while it runs.
		"without delay":          {scheduler.Batching{MaxSize: 4}, []time.Duration{0, 1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms, 6 * ms}, "[[0] [1 2 3 4] [5 6]]"},
		"delay":                  {scheduler.Batching{MaxSize: 4, MaxDelay: 5 * ms}, []time.Duration{0, 1 * ms, 2 * ms, 9 * ms}, "[[0 1 2] [3]]"},
		"full before the delay":  {scheduler.Batching{MaxSize: 2, MaxDelay: time.Hour}, []time.Duration{0, 1 * ms}, "[[0 1]]"},
		"preferred size":         {scheduler.Batching{MaxSize: 8, Preferred: []int{2, 4}, MaxDelay: 5 * ms}, []time.Duration{0, 1 * ms, 2 * ms}, "[[0 1] [2]]"},
		"largest preferred size": {scheduler.Batching{MaxSize: 8, Preferred: []int{2, 4}}, []time.Duration{0, 1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms}, "[[0] [1 2 3 4] [5]]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := batches(t, scheduler.Options{Instances: 1, Batching: &test.batching}, &fake{hold: 10 * ms}, test.at...); got != test.want {
				t.Errorf("calls %v, want %v", got, test.want)
			}
		})
	}
}

// A row that the model cannot compute fails only its own request.
func TestBadRowFailsOnlyItsOwnRequest(t *testing.T) {
	bad := errors.New("this row")
	for name, fault := range map[string]func(values []float32) (*engine.Result, error){
		"error": func([]float32) (*engine.Result, error) { return nil, bad },
		"panic": func([]float32) (*engine.Result, error) { panic(bad) },
		"wrong shape": func([]float32) (*engine.Result, error) {
			return &engine.Result{Outputs: []tensor.Tensor{enginetest.Input(1, 2)}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := &fake{hold: time.Second, fault: func(_ int, values []float32) (*engine.Result, error) {
					if at := slices.Index(values, 13); at < 0 || (name == "wrong shape" && len(values) == 2) {
						return nil, nil
					}
					return fault(values)
				}}
				s := scheduler.New(inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
				var group sync.WaitGroup
				for _, value := range []float32{0, 11, 12, 13, 14} {
					group.Go(func() {
						in := enginetest.Input(value, 0)
						result, err := s.Run(t.Context(), []tensor.Tensor{in})
						if fails := value == 13 && name != "wrong shape"; (err != nil) != fails {
							t.Errorf("request %v: %v", value, err)
						} else if err == nil && !slices.Equal(result.Outputs[0].Data, in.Data) {
							t.Errorf("request %v: %v", value, result.Outputs)
						}
					})
					synctest.Wait()
				}
				group.Wait()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// The outputs of a batch share memory. It is freed when all callers have released their
// parts, and never when one was cancelled or does not release.
func TestBatchIsFreedWithItsLastPart(t *testing.T) {
	for name, cancelled := range map[string]bool{"all release": false, "one is cancelled": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := &fake{hold: time.Second}
				s := scheduler.New(inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 4}})
				results := make([]*engine.Result, 5) // the first runs alone, the others form a batch
				contexts := slices.Repeat([]context.Context{t.Context()}, len(results))
				last, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				if cancelled {
					contexts[4] = last
				}
				var group sync.WaitGroup
				for i := range results {
					group.Go(func() { results[i], _ = s.Run(contexts[i], []tensor.Tensor{enginetest.Input(float32(i), 0)}) })
					synctest.Wait()
				}
				group.Wait()
				if len(inner.calls) != 2 || (results[4] == nil) != cancelled {
					t.Fatalf("calls %v, results %v", inner.calls, results)
				}
				results[0].Release()
				for i := 1; i < len(results); i++ {
					if inner.freed != 1 {
						t.Errorf("%d results are freed when %d of the batch are released", inner.freed, i-1)
					}
					if results[i] == nil {
						break
					}
					if got := enginetest.Input(float32(i), 0).Data; !slices.Equal(results[i].Outputs[0].Data, got) {
						t.Errorf("output %d is %x", i, results[i].Outputs[0].Data)
					}
					results[i].Release()
					results[i].Release()
				}
				if want := map[bool]int{false: 2, true: 1}[cancelled]; inner.freed != want {
					t.Errorf("%d results are freed, want %d", inner.freed, want)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Requests with different other dimensions do not share a batch. The rows of a request stay
// together.
func TestOnlyEqualShapesAreBatched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &shapes{hold: time.Second}
		s := scheduler.New(inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 4}})
		var group sync.WaitGroup
		for i, shape := range []tensor.Shape{{1, 1}, {1, 2}, {1, 3}, {2, 2}, {1, 2}, {1, 2}, {9, 3}} {
			group.Go(func() {
				n, _ := shape.Elements()
				values := make([]float32, n)
				for j := range values {
					values[j] = float32(100*i + j)
				}
				in := tensor.Tensor{DataType: tensor.FP32, Shape: shape, Data: tensor.AsBytes(values)}
				result, err := s.Run(t.Context(), []tensor.Tensor{in, stringsOf(i, int(shape[0]))})
				if err != nil {
					t.Error(err)
					return
				}
				if got := result.Outputs[0]; !slices.Equal(got.Data, in.Data) || !slices.Equal(got.Shape, shape) {
					t.Errorf("request %d: %v", i, got)
				}
				if got, want := result.Outputs[1], stringsOf(i, int(shape[0])); !slices.Equal(got.Data, want.Data) {
					t.Errorf("request %d: strings %q, want %q", i, got.Data, want.Data)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if got := fmt.Sprint(inner.shapes); got != "[[1, 1] [4, 2] [1, 3] [1, 2] [9, 3]]" {
			t.Errorf("calls %v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func stringsOf(request, rows int) tensor.Tensor {
	t := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{int64(rows)}}
	for row := range rows {
		t.Data = tensor.AppendElement(t.Data, make([]byte, request*10+row))
	}
	return t
}

// shapes returns its inputs, FP32 and BYTES, and records the first one's shape.
type shapes struct {
	hold   time.Duration
	start  time.Time // when set, calls are recorded with their times
	mu     sync.Mutex
	shapes []string
}

func (s *shapes) Signature() *engine.Signature {
	specs := []engine.TensorSpec{
		{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, tensor.Dynamic}, DimNames: []string{"", ""}},
		{Name: "s", DataType: tensor.Bytes, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{""}},
	}
	return &engine.Signature{Inputs: specs, Outputs: specs}
}

func (s *shapes) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	s.mu.Lock()
	call := inputs[0].Shape.String()
	if !s.start.IsZero() {
		call = time.Since(s.start).String() + ":" + call
	}
	s.shapes = append(s.shapes, call)
	s.mu.Unlock()
	time.Sleep(s.hold)
	result := &engine.Result{}
	for _, in := range inputs {
		in.Data = slices.Clone(in.Data)
		result.Outputs = append(result.Outputs, in)
	}
	return result, nil
}

func (s *shapes) Close() error { return nil }

func TestOrderIsPreservedAcrossInstances(t *testing.T) {
	bubble(t, func(t *testing.T) {
		// Later calls are faster than earlier ones.
		inner := &fake{fault: func(call int, _ []float32) (*engine.Result, error) {
			time.Sleep(time.Duration(10-call) * time.Second)
			return nil, nil
		}}
		s := scheduler.New(inner, scheduler.Options{Instances: 3, Batching: &scheduler.Batching{MaxSize: 1, PreserveOrdering: true}})
		start := time.Now()
		var group sync.WaitGroup
		for i := range 3 {
			group.Go(func() {
				_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)})
				if took := time.Since(start); err != nil || took != 9*time.Second {
					t.Errorf("request %d is answered after %v, when the first takes 9 s: %v", i, took, err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// With any fault, each caller gets exactly one answer, its own.
func TestEveryCallerGetsItsOwnAnswer(t *testing.T) {
	inner := &fake{fault: func(call int, _ []float32) (*engine.Result, error) {
		switch call % 7 {
		case 2:
			return nil, errors.New("fails")
		case 4:
			panic("panics")
		case 6:
			return &engine.Result{}, nil
		}
		return nil, nil
	}}
	s := open(t, inner, scheduler.Options{Instances: 3, MaxQueue: 16, Batching: &scheduler.Batching{MaxSize: 4, Preferred: []int{2}, MaxDelay: 100 * time.Microsecond}})
	var group sync.WaitGroup
	var mu sync.Mutex
	succeeded := 0
	for caller := range 16 {
		group.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if rand.N(4) == 0 {
					go cancel()
				}
				in := enginetest.Input(float32(caller), float32(i))
				result, err := s.Run(ctx, []tensor.Tensor{in})
				cancel()
				if err == nil && !slices.Equal(result.Outputs[0].Data, in.Data) {
					t.Errorf("caller %d got the answer of another", caller)
				}
				if err == nil {
					if rand.N(4) != 0 {
						result.Release()
					}
					mu.Lock()
					succeeded++
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	if succeeded == 0 {
		t.Error("no request succeeded")
	}
}
