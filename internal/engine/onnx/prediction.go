package onnx

import (
	"slices"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// prediction predicts the shape of an output from the shapes of the inputs: a dynamic
// dimension has the size of the dimensions of inputs with the same name. The names are hints
// of the exporter, so that a prediction may be wrong. It is safe for concurrent use.
type prediction struct {
	declared tensor.Shape
	dims     []dynamicDim
	// wrong is set when the output had another shape: there is no prediction from then on.
	wrong atomic.Bool
}

// dynamicDim is a dynamic dimension of an output.
type dynamicDim struct {
	axis int
	// sources are the dimensions of inputs with the same name.
	sources []inputAxis
	// confirmed is 1 more than a size that was predicted and right, 0 when there is none.
	// varied is set when a second size was right, too.
	confirmed atomic.Int64
	varied    atomic.Bool
}

// inputAxis is a dimension of an input.
type inputAxis struct{ input, axis int }

// newPrediction returns the prediction for an output with a known rank; nil when it has a
// dimension that no input names.
func newPrediction(inputs *inputNames, spec *engine.TensorSpec) *prediction {
	p := &prediction{declared: spec.Shape, dims: make([]dynamicDim, 0, len(spec.Shape))}
	for axis, d := range spec.Shape {
		if d != tensor.Dynamic {
			continue
		}
		sources := inputs.axes[spec.DimNames[axis]]
		if len(sources) == 0 {
			return nil
		}
		p.dims = append(p.dims, dynamicDim{axis: axis, sources: sources})
	}
	return p
}

// inputNames are the names of a model's inputs and of their dimensions.
type inputNames struct {
	inputs map[string]bool
	axes   map[string][]inputAxis
}

func namesOf(inputs []engine.TensorSpec) *inputNames {
	names := &inputNames{make(map[string]bool, len(inputs)), make(map[string][]inputAxis)}
	for i := range inputs {
		names.inputs[inputs[i].Name] = true
		for axis, name := range inputs[i].DimNames {
			if name != "" {
				names.axes[name] = append(names.axes[name], inputAxis{input: i, axis: axis})
			}
		}
	}
	return names
}

// shape returns the predicted shape. ok is false when there is no prediction: an earlier
// one was wrong, or the dimensions of a name differ in size.
func (p *prediction) shape(inputs []tensor.Tensor) (_ tensor.Shape, ok bool) {
	if p == nil || p.wrong.Load() {
		return nil, false
	}
	shape := make(tensor.Shape, len(p.declared)) // not nil, for a scalar too
	copy(shape, p.declared)
	for i := range p.dims {
		d := &p.dims[i]
		size := tensor.Dynamic
		for _, source := range d.sources {
			if engine.IsAbsent(inputs[source.input]) {
				continue
			}
			found := inputs[source.input].Shape[source.axis]
			if size != tensor.Dynamic && size != found {
				return nil, false
			}
			size = found
		}
		if size == tensor.Dynamic {
			return nil, false
		}
		shape[d.axis] = size
	}
	return shape, true
}

// learn compares the prediction with an output's actual shape. It reports false for a wrong
// one, which the caller then drops.
func (p *prediction) learn(inputs []tensor.Tensor, actual tensor.Shape) bool {
	shape, ok := p.shape(inputs)
	if !ok {
		return true
	}
	if !slices.Equal(shape, actual) {
		return false
	}
	for i := range p.dims {
		d := &p.dims[i]
		size := shape[d.axis] + 1
		if !d.confirmed.CompareAndSwap(0, size) && d.confirmed.Load() != size && !d.varied.Load() {
			d.varied.Store(true)
		}
	}
	return true
}

// reliable reports whether the prediction was right for two sizes of each dimension. With
// one a wrong name may fit by chance.
func (p *prediction) reliable() bool {
	for i := range p.dims {
		if !p.dims[i].varied.Load() {
			return false
		}
	}
	return true
}
