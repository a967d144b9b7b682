package onnx

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

var _ engine.Session = (*session)(nil)

// session is a model in ONNX Runtime. A call into the runtime cannot be
// cancelled; whoever calls Run bounds how many run at once.
type session struct {
	signature *engine.Signature
	// carried has the indexes of the outputs that the runtime is asked for.
	carried []int

	// mu is held for reading by calls of Run and for writing by Close, which so
	// waits for them.
	mu  sync.RWMutex
	ort *ort.DynamicAdvancedSession // nil once closed

	// undeclared is set when an output came out in another shape than the graph
	// declares. From then on the runtime allocates the outputs.
	undeclared atomic.Bool
}

func (s *session) Signature() *engine.Signature { return s.signature }

func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ort == nil {
		return nil
	}
	err := s.ort.Destroy()
	s.ort = nil
	return err
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (_ *engine.Result, err error) {
	if err := s.signature.CheckInputs(inputs); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.ort == nil {
		return nil, engine.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	start := time.Now()

	// C keeps the address of the inputs past the call that takes it, until Run:
	// the rules of cgo ask for pinned memory.
	var pinner runtime.Pinner
	defer pinner.Unpin()
	values := make([]ort.Value, 0, len(inputs))
	defer func() {
		for _, v := range values {
			err = errors.Join(err, v.Destroy())
		}
	}()
	for i, in := range inputs {
		v, err := newValue(&pinner, in)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", s.signature.Inputs[i].Name, err)
		}
		values = append(values, v)
	}
	result, err := s.compute(&pinner, inputs, values)
	if err != nil {
		return nil, err
	}
	result.Timings.Compute = time.Since(start)
	return result, nil
}

// compute runs the model. Where the graph declares an output's shape the runtime
// writes into memory made here, and nothing is copied.
func (s *session) compute(pinner *runtime.Pinner, inputs []tensor.Tensor, values []ort.Value) (*engine.Result, error) {
	result := &engine.Result{Outputs: make([]tensor.Tensor, len(s.signature.Outputs))}
	declared := make([]ort.Value, len(s.carried))
	if !s.undeclared.Load() {
		sizes := s.dimensionSizes(inputs)
		for i, index := range s.carried {
			v, t, err := newOutput(pinner, &s.signature.Outputs[index], sizes)
			if err != nil {
				return nil, errors.Join(err, destroyAll(declared))
			}
			declared[i], result.Outputs[index] = v, t
		}
	}
	outputs := append([]ort.Value(nil), declared...)
	err := s.ort.Run(values, outputs)
	if err != nil && anyValue(declared) && isShapeMismatch(err) {
		// Files exist whose graphs declare an output's shape wrongly. Asking
		// again without buffers tells that apart from a failure of the model.
		retry := make([]ort.Value, len(s.carried))
		if retryErr := s.ort.Run(values, retry); retryErr == nil {
			s.undeclared.Store(true)
			err = destroyAll(outputs)
			outputs = retry
			clear(declared)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run the model: %w", err), destroyAll(outputs))
	}
	for i, index := range s.carried {
		if declared[i] == nil {
			result.Outputs[index], err = fromValue(outputs[i], s.signature.Outputs[index].DataType)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("output %q: %w", s.signature.Outputs[index].Name, err), destroyAll(outputs))
			}
		}
	}
	return result, destroyAll(outputs)
}

// dimensionSizes returns the sizes that the inputs give to named dimensions.
func (s *session) dimensionSizes(inputs []tensor.Tensor) map[string]int64 {
	sizes := map[string]int64{}
	for i := range s.signature.Inputs {
		for axis, name := range s.signature.Inputs[i].DimNames {
			if name != "" {
				sizes[name] = inputs[i].Shape[axis]
			}
		}
	}
	return sizes
}

// maxOutputBytes bounds an output. Go ends the process when it cannot get memory,
// and a few numbers of input can ask for a huge product.
const maxOutputBytes = 1 << 30

// newOutput makes the memory of an output whose shape is known from the graph and
// the sizes of named dimensions. It returns nil where the shape is not known.
func newOutput(pinner *runtime.Pinner, spec *engine.TensorSpec, sizes map[string]int64) (ort.Value, tensor.Tensor, error) {
	if spec.Shape == nil {
		return nil, tensor.Tensor{}, nil
	}
	shape := spec.Shape.Clone()
	for axis, d := range shape {
		if d != tensor.Dynamic {
			continue
		}
		size, known := sizes[spec.DimNames[axis]]
		if !known {
			return nil, tensor.Tensor{}, nil
		}
		shape[axis] = size
	}
	size, err := shape.ByteSize(spec.DataType)
	if err != nil || size > maxOutputBytes {
		return nil, tensor.Tensor{}, fmt.Errorf("%w: output %q of %v of %v; the most is %d bytes", engine.ErrTooLarge, spec.Name, shape, spec.DataType, int64(maxOutputBytes))
	}
	if size == 0 {
		// The binding wraps no empty memory; the runtime makes that itself.
		return nil, tensor.Tensor{}, nil
	}
	t := tensor.Tensor{DataType: spec.DataType, Shape: shape, Data: newBuffer(size)}
	v, err := newValue(pinner, t)
	return v, t, err
}

// newBuffer returns size bytes aligned for every datatype.
func newBuffer(size int64) []byte {
	return tensor.AsBytes(make([]uint64, (size+7)/8))[:size]
}

// newValue wraps the memory of t, without a copy where it is aligned. The caller
// destroys the value before it unpins.
func newValue(pinner *runtime.Pinner, t tensor.Tensor) (ort.Value, error) {
	if len(t.Data) == 0 {
		return nil, fmt.Errorf("%w: a tensor of shape %v; empty tensors are not carried", engine.ErrUnsupported, t.Shape)
	}
	data := t.Data
	if !tensor.Aligned(data, t.DataType) {
		data = newBuffer(int64(len(t.Data)))
		copy(data, t.Data)
	}
	pinner.Pin(unsafe.SliceData(data))
	return ort.NewCustomDataTensor(ort.Shape(t.Shape), data, onnxTypes[t.DataType])
}

// fromValue returns an output that the runtime allocated and the binding copied
// into Go's memory, which outlives the value.
func fromValue(v ort.Value, d tensor.DataType) (tensor.Tensor, error) {
	t := tensor.Tensor{DataType: d, Shape: tensor.Shape(v.GetShape())}
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[float64]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[int8]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[int16]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[int32]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[int64]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[uint8]:
		t.Data = v.GetData()
	case *ort.Tensor[uint16]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[uint32]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[uint64]:
		t.Data = tensor.AsBytes(v.GetData())
	case *ort.Tensor[bool]:
		values := v.GetData()
		t.Data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values))
	case *ort.CustomDataTensor:
		t.Data = v.GetData()
	default:
		return t, fmt.Errorf("%w: a value of type %T", engine.ErrUnsupported, v)
	}
	return t, t.Validate()
}

func anyValue(values []ort.Value) bool {
	for _, v := range values {
		if v != nil {
			return true
		}
	}
	return false
}

// destroyAll destroys the values that there are. The binding leaves a nil pointer of
// a concrete type where it failed to make one.
func destroyAll(values []ort.Value) error {
	var err error
	for _, v := range values {
		if v != nil && !reflect.ValueOf(v).IsNil() {
			err = errors.Join(err, v.Destroy())
		}
	}
	return err
}

// isShapeMismatch reports whether the runtime refused an output's memory for its
// shape. The binding passes no code on, only the runtime's words: "The output OrtValue
// provided ... has shape", and in older versions "OrtValue shape verification failed".
func isShapeMismatch(err error) bool { return strings.Contains(err.Error(), "OrtValue") }
