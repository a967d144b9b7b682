package onnx

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// output is a tensor output of a model.
type output struct {
	spec *engine.TensorSpec
	// index is its position in the signature.
	index int
	// limit is its maximum size in bytes.
	limit int64
	// derived reports that the shape derives from the shapes of the inputs. Go then
	// allocates the output before the run, and the runtime writes into it without a copy.
	derived bool
	// dims has the dynamic dimensions of a derived output.
	dims []dynamicDim
}

// dynamicDim is a dynamic dimension of an output, and the axis of an input that has the
// same name in the graph, and so the same size.
type dynamicDim struct{ axis, input, inputAxis int }

// newOutput plans the signature's output at index.
func newOutput(s *engine.Signature, index int, limit int64) output {
	spec := &s.Outputs[index]
	// The runtime returns an output that is itself an input as the input's own value: it
	// does not write into memory that is bound to the output.
	isInput := slices.ContainsFunc(s.Inputs, func(in engine.TensorSpec) bool { return in.Name == spec.Name })
	o := output{spec: spec, index: index, limit: limit, derived: spec.Shape != nil && len(spec.Shape) <= ort.MaxRank && spec.DataType != tensor.Bytes && !isInput}
	for axis, d := range spec.Shape {
		if d != tensor.Dynamic || !o.derived {
			continue
		}
		dim, found := findDynamicDim(s, spec.DimNames[axis])
		dim.axis = axis
		o.dims, o.derived = append(o.dims, dim), found
	}
	return o
}

// findDynamicDim finds an input axis with this dimension name.
func findDynamicDim(s *engine.Signature, name string) (dynamicDim, bool) {
	for i := range s.Inputs {
		if at := slices.Index(s.Inputs[i].DimNames, name); at >= 0 && name != "" {
			return dynamicDim{input: i, inputAxis: at}, true
		}
	}
	return dynamicDim{}, false
}

// allocate returns the tensor of a derived output, for the runtime to write. One above
// limit is an engine.ErrTooLarge.
func (o *output) allocate(inputs []tensor.Tensor, buffers *outputBuffers) (tensor.Tensor, error) {
	shape := make(tensor.Shape, len(o.spec.Shape)) // not nil, for a scalar too
	copy(shape, o.spec.Shape)
	for _, d := range o.dims {
		shape[d.axis] = inputs[d.input].Shape[d.inputAxis]
	}
	size, err := shape.ByteSize(o.spec.DataType)
	if err != nil || size > o.limit {
		return tensor.Tensor{}, o.tooLarge(shape)
	}
	return tensor.Tensor{DataType: o.spec.DataType, Shape: shape, Data: buffers.allocateMarked(size)}, nil
}

// read copies the output at index i, which the runtime allocated in a completed run.
func (o *output) read(call *ort.Call, i int, buffers *outputBuffers) (tensor.Tensor, error) {
	d, shape, size, err := call.OutputInfo(i)
	switch {
	case err != nil:
		return tensor.Tensor{}, fmt.Errorf("%w: output %q: %w", engine.ErrRun, o.spec.Name, err)
	case d != o.spec.DataType:
		return tensor.Tensor{}, fmt.Errorf("%w: output %q has datatype %v, but the graph declares %v", engine.ErrRun, o.spec.Name, d, o.spec.DataType)
	case size > o.limit:
		return tensor.Tensor{}, o.tooLarge(shape)
	}
	t := tensor.Tensor{DataType: d, Shape: shape, Data: buffers.allocate(size)}
	if err := call.ReadOutput(i, t.Data); err != nil {
		return tensor.Tensor{}, fmt.Errorf("%w: output %q: %w", engine.ErrOutOfMemory, o.spec.Name, err)
	}
	return t, nil
}

func (o *output) tooLarge(shape tensor.Shape) error {
	return setting.Errorf("%w: output %q has shape %v of %v; the limit is %d bytes (%s)", engine.ErrTooLarge, o.spec.Name, shape, o.spec.DataType, o.limit, setting.MaxOutputBytes)
}
