package onnx

import (
	"context"
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// output is an output that is served: a tensor, or a sequence of maps that is served as one.
type output struct {
	spec *engine.TensorSpec
	// index is its position in the signature.
	index int
	// limit is its maximum size in bytes.
	limit int64
	// columns has, for a sequence of maps, the column of each key in the order of the keys.
	// nil: a tensor.
	columns []int
	// prediction is of its shape; nil: only the runtime knows it. A predicted output is
	// allocated before the run, and the runtime writes into it without a copy.
	prediction *prediction
}

// newOutput plans the signature's output at index.
func newOutput(s *engine.Signature, inputs *inputNames, index int, limit int64) output {
	spec := &s.Outputs[index]
	o := output{spec: spec, index: index, limit: limit}
	// The runtime returns an output that is itself an input as the input's own value: it
	// does not write into memory that is bound to the output.
	if spec.Shape != nil && len(spec.Shape) <= ort.MaxRank && spec.DataType != tensor.Bytes && !inputs.inputs[spec.Name] {
		o.prediction = newPrediction(inputs, spec)
	}
	return o
}

// allocate returns the tensor of an output for the runtime to write. ok is false when its
// shape cannot be predicted for these inputs: the runtime allocates it then. One above the
// limit is an engine.ErrTooLarge, if the prediction can be relied on.
func (o *output) allocate(inputs []tensor.Tensor, buffers *outputBuffers) (t tensor.Tensor, ok bool, err error) {
	shape, ok := o.prediction.shape(inputs)
	if !ok {
		return tensor.Tensor{}, false, nil
	}
	size, err := shape.ByteSize(o.spec.DataType)
	if err != nil || size > o.limit {
		// An unreliable prediction rejects nothing before the run.
		if o.prediction.reliable() {
			return tensor.Tensor{}, false, o.tooLarge(shape)
		}
		return tensor.Tensor{}, false, nil
	}
	return tensor.Tensor{DataType: o.spec.DataType, Shape: shape, Data: buffers.allocateMarked(size)}, true, nil
}

// exceeds returns the error for an output whose predicted shape is above the limit; nil for
// others.
func (o *output) exceeds(inputs []tensor.Tensor) error {
	shape, ok := o.prediction.shape(inputs)
	if size, err := shape.ByteSize(o.spec.DataType); ok && (err != nil || size > o.limit) {
		return o.tooLarge(shape)
	}
	return nil
}

// read copies the output at index i, which the runtime allocated in a completed run. With an
// engine.ErrTooLarge the tensor has only a shape.
func (o *output) read(ctx context.Context, call *ort.Call, i int, buffers *outputBuffers) (tensor.Tensor, error) {
	d, shape, size, err := call.OutputInfo(i)
	switch {
	case err != nil:
		return tensor.Tensor{}, fmt.Errorf("%w: output %q: %w", engine.ErrRun, o.spec.Name, err)
	case d != o.spec.DataType:
		return tensor.Tensor{}, fmt.Errorf("%w: output %q has datatype %v, but the graph declares %v", engine.ErrRun, o.spec.Name, d, o.spec.DataType)
	case size > o.limit:
		return tensor.Tensor{Shape: shape}, o.tooLarge(shape)
	}
	t := tensor.Tensor{DataType: d, Shape: shape, Data: buffers.allocate(size)}
	if o.columns != nil {
		return t, o.readMaps(ctx, call, i, t.Data)
	}
	if err := call.ReadOutput(i, t.Data); err != nil {
		return tensor.Tensor{}, fmt.Errorf("%w: output %q: %w", engine.ErrOutOfMemory, o.spec.Name, err)
	}
	return t, nil
}

// readMaps reads a sequence of maps into the rows of a matrix.
func (o *output) readMaps(ctx context.Context, call *ort.Call, i int, data []byte) error {
	err := call.ReadMaps(ctx, i, o.columns, data)
	if err == nil || (ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		return err
	}
	return fmt.Errorf("%w: output %q: %w", engine.ErrRun, o.spec.Name, err)
}

func (o *output) tooLarge(shape tensor.Shape) error {
	return setting.Errorf("%w: output %q has shape %v of %v; the limit is %d bytes (%s)", engine.ErrTooLarge, o.spec.Name, shape, o.spec.DataType, o.limit, setting.MaxOutputBytes)
}
