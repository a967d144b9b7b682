package onnx

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// twoNames returns predictions of an output ["n", "m"] of a model with an input of that
// shape, and with an optional one.
func twoNames(sizes engine.Sizes) (*predictions, []output) {
	dims := tensor.Shape{tensor.Dynamic, tensor.Dynamic}
	s := &engine.Signature{
		Inputs: []engine.TensorSpec{
			{Name: "x", DataType: tensor.FP32, Shape: dims, DimNames: []string{"n", "m"}},
			{Name: "w", DataType: tensor.FP32, Shape: dims, DimNames: []string{"n", "k"}, Optional: true},
		},
		Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.FP32, Shape: dims, DimNames: []string{"n", "m"}, Sizes: sizes}},
	}
	outputs := planOutputs(&model{signature: s}, 1<<20)
	return newPredictions(s, outputs), outputs
}

func shaped(shape ...int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.FP32, Shape: append(tensor.Shape{}, shape...)}
}

// Failing requests are not repeated forever, and predictions remain for shapes that are
// known.
func TestFailuresEndRepetitions(t *testing.T) {
	p, outputs := twoNames(engine.SizesFromShapes)
	good := []tensor.Tensor{shaped(2, 3), {}}
	key := p.key(good)
	if p.isProven(key) || !p.use(key) {
		t.Error("new predictions are not tried")
	}
	if !p.learn(key, outputs, good, []tensor.Tensor{shaped(2, 3)}) || !p.isProven(key) {
		t.Error("a right prediction proves nothing")
	}
	p.wasted.Add(maxWasted)
	other := []tensor.Tensor{shaped(3, 3), {}}
	if !p.use(key) || p.use(p.key(other)) {
		t.Error("after repetitions in vain only known shapes are predicted")
	}
	if !p.learn(p.key(other), outputs, other, []tensor.Tensor{shaped(3, 3)}) || !p.use(p.key(other)) {
		t.Error("a later success does not make its shapes known")
	}
}

// After a wrong prediction, also one that a concurrent run finds, nothing is known.
func TestWrongPredictionsProveNothing(t *testing.T) {
	p, outputs := twoNames(engine.SizesFromShapes)
	square, other := []tensor.Tensor{shaped(3, 3), {}}, []tensor.Tensor{shaped(2, 3), {}}
	began := p.key(other)
	p.learn(p.key(square), outputs, square, []tensor.Tensor{shaped(3, 3)})
	if p.learn(p.key(other), outputs, other, []tensor.Tensor{shaped(3, 2)}) {
		t.Error("a wrong prediction counts as right")
	}
	p.learn(began, outputs, other, []tensor.Tensor{shaped(3, 2)}) // without a prediction
	if p.isProven(began) || p.isProven(p.key(square)) {
		t.Error("a wrong prediction left something proven")
	}
	if _, ok := outputs[0].prediction.shape(square); ok {
		t.Error("a wrong prediction is not dropped")
	}
}

// Only shapes that determine the output prove something.
func TestKeysOfPredictions(t *testing.T) {
	p, _ := twoNames(engine.SizesFromShapes)
	if p.key([]tensor.Tensor{shaped(1, 2), shaped(1, 2)}) != 0 {
		t.Error("an optional input is ignored")
	}
	if a, b := p.key([]tensor.Tensor{shaped(1, 2), {}}), p.key([]tensor.Tensor{shaped(2, 1), {}}); a == b {
		t.Error("shapes have one key")
	}
	if p, _ := twoNames(engine.SizesFromValues); p.key([]tensor.Tensor{shaped(1, 2), {}}) != 0 {
		t.Error("sizes that follow from values are ignored")
	}
}

// A prediction is relied on when each dimension was right with two sizes, and none exists
// where the dimensions of a name differ.
func TestPrediction(t *testing.T) {
	_, outputs := twoNames(engine.SizesFromShapes)
	p := outputs[0].prediction
	for _, shape := range []tensor.Shape{{1, 4}, {2, 4}, {3, 4}} {
		if p.reliable() {
			t.Errorf("reliable before %v", shape)
		}
		p.learn([]tensor.Tensor{shaped(shape...), {}}, shape)
	}
	if p.learn([]tensor.Tensor{shaped(3, 0), {}}, tensor.Shape{3, 0}); !p.reliable() {
		t.Error("not reliable")
	}
	if _, ok := p.shape([]tensor.Tensor{shaped(3, 4), shaped(5, 1)}); ok {
		t.Error("a name with two sizes has a prediction")
	}
	if shape, ok := p.shape([]tensor.Tensor{shaped(3, 4), shaped(3, 1)}); !ok || shape[0] != 3 || shape[1] != 4 {
		t.Errorf("shape %v", shape)
	}
}

// Inputs and outputs that share the name of a dimension take no memory for each pair of them.
func TestSharedNamesTakeLittle(t *testing.T) {
	s := &engine.Signature{}
	for i := range 3000 {
		spec := engine.TensorSpec{DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{"n"}}
		spec.Name = fmt.Sprint("x", i)
		s.Inputs = append(s.Inputs, spec)
		spec.Name = fmt.Sprint("y", i)
		s.Outputs = append(s.Outputs, spec)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	outputs := planOutputs(&model{signature: s}, 1<<20)
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; len(outputs) != 3000 || outputs[7].prediction == nil || spent > 8<<20 {
		t.Errorf("%d outputs take %d bytes", len(outputs), spent)
	}
}
