package enginetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// TestOptional runs the suite of optional inputs. open returns a new session of a model that
// multiplies its input "x", FP32 of shape [dynamic, 2], by its optional input "scale", FP32 of
// shape [1], which is 3 by default. The optional input is the first one.
func TestOptional(t *testing.T, open func(t *testing.T) engine.Session) {
	t.Helper()
	scale := func(v float32) tensor.Tensor {
		return tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]float32{v})}
	}
	t.Run("says which inputs are optional", func(t *testing.T) {
		s := openSession(t, open)
		inputs := s.Signature().Inputs
		if len(inputs) != 2 || !inputs[0].Optional || inputs[0].Name != "scale" || inputs[1].Optional || inputs[1].Name != "x" {
			t.Errorf("inputs %+v", inputs)
		}
		if required := s.Signature().Required(); !slices.Equal(required, []int{1}) {
			t.Errorf("inputs %v are required", required)
		}
	})
	t.Run("uses the default for an absent input", func(t *testing.T) {
		s := openSession(t, open)
		for range 3 {
			for _, c := range []struct {
				scale tensor.Tensor
				want  []float32
			}{{tensor.Tensor{}, []float32{3, 6}}, {scale(-1), []float32{-1, -2}}, {scale(0), []float32{0, 0}}, {tensor.Tensor{}, []float32{3, 6}}} {
				result, err := s.Run(t.Context(), []tensor.Tensor{c.scale, Input(1, 2)})
				if err != nil {
					t.Fatal(err)
				}
				checkIdentity(t, result, Input(c.want...))
			}
		}
	})
	t.Run("rejects other inputs", func(t *testing.T) {
		s := openSession(t, open)
		for name, inputs := range map[string][]tensor.Tensor{
			"the required input is absent": {scale(1), {}},
			"all are absent":               {{}, {}},
			"the absent one is left out":   {Input(1, 2)},
			"an invalid optional input":    {{DataType: tensor.FP32, Shape: tensor.Shape{1}}, Input(1, 2)},
			"data without a datatype":      {{Data: make([]byte, 4)}, Input(1, 2)},
		} {
			if _, err := s.Run(t.Context(), inputs); !errors.Is(err, engine.ErrBadInput) {
				t.Errorf("%s: error %v", name, err)
			}
		}
	})
}

// TestWrongShape runs the suite of models whose declared shapes are wrong. open returns a new
// session of a model that returns its only input, FP32 of shape [n, 4], as its only output, and
// declares the output's shape as [n, n].
func TestWrongShape(t *testing.T, open func(t *testing.T) engine.Session) {
	t.Helper()
	for name, rows := range map[string][]int{"right at first": {4, 2, 4, 7}, "wrong at first": {2, 4, 1}, "one after another": {1, 2, 3, 4, 5, 4}} {
		t.Run(name, func(t *testing.T) {
			s := openSession(t, open)
			for _, n := range rows {
				values := make([]float32, 4*n)
				for i := range values {
					values[i] = float32(i)
				}
				in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{int64(n), 4}, Data: tensor.AsBytes(values)}
				result, err := s.Run(t.Context(), []tensor.Tensor{in})
				if err != nil {
					t.Fatalf("%d rows: %v", n, err)
				}
				checkIdentity(t, result, in)
			}
		})
	}
}
