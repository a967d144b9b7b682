// Package enginetest has the behavior that every engine.Session shares, as a suite that
// the test of each implementation calls, and a registry for fakes.
package enginetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Test runs the suite. open returns a new session of a model that returns its only input,
// FP32 of shape [dynamic, 2], as its only output.
func Test(t *testing.T, open func(t *testing.T) engine.Session) {
	t.Helper()
	t.Run("returns the input", func(t *testing.T) {
		s := openSession(t, open)
		in := Input(1, 2, 3, 4)
		result, err := s.Run(t.Context(), []tensor.Tensor{in})
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, result, in)
		if result.Timings.Compute <= 0 || result.Timings.Queue < 0 {
			t.Errorf("timings are %+v", result.Timings)
		}
	})
	t.Run("returns no rows for no rows", func(t *testing.T) {
		s := openSession(t, open)
		result, err := s.Run(t.Context(), []tensor.Tensor{Input()})
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, result, Input())
	})
	t.Run("leaves outputs to the caller after Close", func(t *testing.T) {
		s := openSession(t, open)
		in := Input(1, 2)
		first, err := s.Run(t.Context(), []tensor.Tensor{in})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(t.Context(), []tensor.Tensor{Input(8, 9)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, first, in)
	})
	t.Run("reuses released outputs only", func(t *testing.T) { testRelease(t, openSession(t, open)) })
	t.Run("rejects inputs that do not fit", func(t *testing.T) { testBadInput(t, openSession(t, open)) })
	t.Run("does not start after cancellation", func(t *testing.T) {
		s := openSession(t, open)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Run(ctx, []tensor.Tensor{Input(1, 2)}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("runs concurrently, also during Close", func(t *testing.T) { testConcurrent(t, openSession(t, open)) })
	t.Run("closes once", func(t *testing.T) {
		s := openSession(t, open)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Run(t.Context(), []tensor.Tensor{Input(1, 2)}); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

// Input returns an FP32 tensor of shape [n, 2].
func Input(values ...float32) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{int64(len(values) / 2), 2}, Data: tensor.AsBytes(values)}
}

func openSession(t *testing.T, open func(t *testing.T) engine.Session) engine.Session {
	t.Helper()
	s := open(t)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func checkIdentity(t *testing.T, got *engine.Result, want tensor.Tensor) {
	t.Helper()
	if len(got.Outputs) != 1 || got.Outputs[0].DataType != tensor.FP32 || !slices.Equal(got.Outputs[0].Shape, want.Shape) || !slices.Equal(got.Outputs[0].Data, want.Data) {
		t.Errorf("outputs are %+v, want %+v", got.Outputs, want)
	}
}

// testRelease releases every other result, of a size that may be pooled, and keeps the
// others.
func testRelease(t *testing.T, s engine.Session) {
	t.Helper()
	var held []*engine.Result
	var inputs []tensor.Tensor
	for i := range 20 {
		values := make([]float32, 10_000)
		for at := range values {
			values[at] = float32(i + at)
		}
		in := Input(values...)
		result, err := s.Run(t.Context(), []tensor.Tensor{in})
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, result, in)
		if i%2 == 0 {
			held, inputs = append(held, result), append(inputs, in)
			continue
		}
		result.Release()
		result.Release()
	}
	for i := range held {
		checkIdentity(t, held[i], inputs[i])
	}
}

func testBadInput(t *testing.T, s engine.Session) {
	t.Helper()
	good := Input(1, 2)
	for name, inputs := range map[string][]tensor.Tensor{
		"none":            nil,
		"two":             {good, good},
		"datatype":        {{DataType: tensor.Int32, Shape: good.Shape, Data: good.Data}},
		"rank":            {{DataType: tensor.FP32, Shape: tensor.Shape{2}, Data: good.Data}},
		"fixed dimension": {{DataType: tensor.FP32, Shape: tensor.Shape{2, 1}, Data: good.Data}},
		"too short":       {{DataType: tensor.FP32, Shape: good.Shape, Data: good.Data[:4]}},
		"too long":        {{DataType: tensor.FP32, Shape: good.Shape, Data: append(slices.Clone(good.Data), 0)}},
		"negative":        {{DataType: tensor.FP32, Shape: tensor.Shape{-1, 2}, Data: good.Data}},
		"overflow":        {{DataType: tensor.FP32, Shape: tensor.Shape{1 << 62, 2}, Data: good.Data}},
	} {
		if _, err := s.Run(t.Context(), inputs); !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := s.Run(t.Context(), []tensor.Tensor{good}); err != nil {
		t.Errorf("after bad inputs: %v", err)
	}
}

func testConcurrent(t *testing.T, s engine.Session) {
	t.Helper()
	var group sync.WaitGroup
	for caller := range 8 {
		group.Go(func() {
			in := Input(float32(caller), 2)
			for range 50 {
				result, err := s.Run(t.Context(), []tensor.Tensor{in})
				if errors.Is(err, engine.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				checkIdentity(t, result, in)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
}
