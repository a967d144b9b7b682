package respcache_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
)

// double returns twice its input, and counts its runs.
type double struct {
	runs, cancelled int
	fail            error
	closed          bool
	mu              sync.Mutex
}

func (d *double) Signature() *engine.Signature {
	spec := engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 2}, DimNames: []string{"", ""}}
	return &engine.Signature{Inputs: []engine.TensorSpec{spec}, Outputs: []engine.TensorSpec{spec}}
}

func (d *double) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		d.cancelled++
		return nil, err
	}
	d.runs++
	if d.fail != nil {
		return nil, d.fail
	}
	values, _ := tensor.View[float32](slices.Clone(inputs[0].Data))
	for i := range values {
		values[i] *= 2
	}
	return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: inputs[0].Shape, Data: tensor.AsBytes(values)}}}, nil
}

func (d *double) Close() error { d.closed = true; return nil }

type lookups struct {
	mu           sync.Mutex
	hits, misses int
}

func (l *lookups) LookedUp(hit bool, _ time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if hit {
		l.hits++
	} else {
		l.misses++
	}
}

// ask runs the model on values and checks the response.
func ask(t *testing.T, s engine.Session, values ...float32) *engine.Result {
	t.Helper()
	result, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(values...)})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := tensor.View[float32](result.Outputs[0].Data)
	for i, v := range values {
		if got[i] != 2*v {
			t.Fatalf("%v gives %v", values, got)
		}
	}
	return result
}

func TestSameInputsRunOnce(t *testing.T) {
	cache, inner, seen := respcache.New(1<<20), &double{}, &lookups{}
	s := cache.Wrap(inner, seen)
	first := ask(t, s, 1, 2)
	clear(first.Outputs[0].Data) // the caller owns them
	if second := ask(t, s, 1, 2); !second.Cached {
		t.Error("the second response is not cached")
	}
	third := ask(t, s, 1, 2)
	clear(third.Outputs[0].Data)
	ask(t, s, 1, 2)
	ask(t, s, 1, 3)
	ask(t, s, 1, 2, 1, 2) // the same bytes twice
	if inner.runs != 3 || seen.hits != 3 || seen.misses != 3 {
		t.Errorf("%d runs, %+v", inner.runs, seen)
	}
}

func TestModelsDoNotShareResponses(t *testing.T) {
	cache, a, b := respcache.New(1<<20), &double{}, &double{}
	ask(t, cache.Wrap(a, &lookups{}), 1, 2)
	ask(t, cache.Wrap(b, &lookups{}), 1, 2)
	if a.runs != 1 || b.runs != 1 {
		t.Errorf("%d and %d runs", a.runs, b.runs)
	}
}

func TestFailuresAreNotCached(t *testing.T) {
	inner := &double{fail: errors.New("fails")}
	s := respcache.New(1<<20).Wrap(inner, &lookups{})
	if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); !errors.Is(err, inner.fail) {
		t.Errorf("error %v", err)
	}
	inner.fail = nil
	ask(t, s, 1, 2)
}

// A cancelled request reaches the inner session, which counts it, and is no lookup.
func TestCancelledRequestsReachTheSession(t *testing.T) {
	inner, seen := &double{}, &lookups{}
	s := respcache.New(1<<20).Wrap(inner, seen)
	ask(t, s, 1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)}); !errors.Is(err, context.Canceled) || inner.cancelled != 1 || seen.hits != 0 {
		t.Errorf("error %v, %d cancelled, %+v", err, inner.cancelled, seen)
	}
}

func TestLimitEvictsLeastRecentlyUsed(t *testing.T) {
	const limit = 10_000
	cache, inner := respcache.New(limit), &double{}
	s := cache.Wrap(inner, &lookups{})
	for i := range 100 {
		ask(t, s, float32(i), 0)
		ask(t, s, 0, 0) // frequently used: it stays
		if cache.Bytes() > limit {
			t.Fatalf("the cache has %d bytes", cache.Bytes())
		}
	}
	if inner.runs != 100 {
		t.Errorf("%d runs", inner.runs)
	}
	ask(t, s, make([]float32, 5_000)...) // larger than the cache
	if got := cache.Bytes(); got == 0 || got > limit {
		t.Errorf("the cache has %d bytes", got)
	}
	if err := s.Close(); err != nil || !inner.closed || cache.Bytes() != 0 {
		t.Errorf("%v, %d bytes are left after Close", err, cache.Bytes())
	}
}

func TestSession(t *testing.T) {
	enginetest.Test(t, func(*testing.T) engine.Session {
		return respcache.New(1<<20).Wrap(&identity{}, &lookups{})
	})
}

// identity is the model of the behavior suite.
type identity struct {
	double
	mu     sync.RWMutex
	closed bool
}

func (s *identity) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	out := inputs[0]
	out.Data = slices.Clone(out.Data)
	return &engine.Result{Outputs: []tensor.Tensor{out}, Timings: engine.Timings{Compute: 1}}, nil
}

func (s *identity) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// probed is a session that gets an input which is known to be good.
type probed struct {
	double
	inputs []tensor.Tensor
}

func (p *probed) SetProbe(inputs []tensor.Tensor) { p.inputs = inputs }

func TestProbeReachesTheSession(t *testing.T) {
	inner := &probed{}
	engine.SetProbe(respcache.New(1<<20).Wrap(inner, &lookups{}), []tensor.Tensor{enginetest.Input(1, 2)})
	if len(inner.inputs) != 1 {
		t.Errorf("the probe is %v", inner.inputs)
	}
}

// optional is double with an optional input before its input: runs with it return three
// times the input.
type optional struct{ double }

func (o *optional) Signature() *engine.Signature {
	s := o.double.Signature()
	scale := s.Inputs[0]
	scale.Name, scale.Optional = "scale", true
	s.Inputs = []engine.TensorSpec{scale, s.Inputs[0]}
	return s
}

func (o *optional) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	result, err := o.double.Run(ctx, inputs[1:])
	if err == nil && !engine.IsAbsent(inputs[0]) {
		result.Outputs[0] = inputs[0]
	}
	return result, err
}

// A response is that of the same set of inputs.
func TestOptionalInputsAreAPartOfTheKey(t *testing.T) {
	inner := &optional{}
	s := respcache.New(1<<20).Wrap(inner, &lookups{})
	x, empty := enginetest.Input(1, 2), enginetest.Input()
	for range 2 {
		for _, c := range []struct{ scale, want tensor.Tensor }{
			{tensor.Tensor{}, enginetest.Input(2, 4)},
			{enginetest.Input(5, 5), enginetest.Input(5, 5)},
			{empty, empty},
		} {
			result, err := s.Run(t.Context(), []tensor.Tensor{c.scale, x})
			if err != nil || !slices.Equal(result.Outputs[0].Data, c.want.Data) || !slices.Equal(result.Outputs[0].Shape, c.want.Shape) {
				t.Errorf("%v: %+v, error %v", c.scale, result, err)
			}
		}
	}
	if inner.runs != 3 {
		t.Errorf("%d runs, want 3", inner.runs)
	}
}
