package modelconfig

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// warmupDir is the directory of input_data_file, in the model's.
	warmupDir = "warmup"
	// maxWarmupInput bounds an input of a warmup request, and maxWarmups all that are
	// made for a model, in bytes: they are in memory together.
	maxWarmupInput = 1 << 30
	maxWarmups     = 4 << 30
	// maxWarmupCount bounds how often a request is run: a model should serve some
	// day.
	maxWarmupCount = 10_000
)

// Warmup is a request that a model answers before it serves.
type Warmup struct {
	// Name is for log lines; empty where the configuration gives none.
	Name string
	// Count is how often it is run, at least 1.
	Count int
	// Inputs are the request's, one for each of the signature's in their order. They
	// fit the signature. Their memory is the caller's.
	Inputs []tensor.Tensor
}

// Warmups makes the requests of model_warmup, nil where there are none. config is
// the parsed configuration or the completed one; it may be nil.
//
// readFile reads a file of the model's directory by its slash-separated path there,
// such as "warmup/cat.bin": the elements of one item of the batch, row-major and
// little-endian, those of strings each with its length before it in four bytes. What
// a file has beyond that is not used, except for strings.
//
// As in Triton, zero_data and random_data count as set whatever their value is,
// random strings are empty, and an item is repeated to fill the batch. The random
// numbers are the same each time; integers are 0 or 1, so that indices stay within
// what they index. A batch_size of 0 is 1, where Triton would pass over the request.
//
// An error names the request and its field, what it has and what fits.
func Warmups(config *inference.ModelConfig, signature *engine.Signature, readFile func(name string) ([]byte, error)) ([]Warmup, error) {
	var warmups []Warmup
	left := int64(maxWarmups)
	for i, given := range config.GetModelWarmup() {
		field := fmt.Sprintf("%s: model_warmup[%s]", fromFile, elementName(given.ProtoReflect(), i))
		m := warmupMaker{signature: signature, readFile: readFile, batches: int64(config.GetMaxBatchSize()), left: &left}
		inputs, err := m.inputs(given)
		if err != nil {
			return nil, fmt.Errorf("%s%w", field, err)
		}
		count := max(given.GetCount(), 1)
		if count > maxWarmupCount {
			return nil, fmt.Errorf("%s.count is %d: the most is %d", field, count, maxWarmupCount)
		}
		warmups = append(warmups, Warmup{Name: given.GetName(), Count: int(count), Inputs: inputs})
	}
	return warmups, nil
}

// warmupMaker makes the inputs of one request. Its errors begin with ".field".
type warmupMaker struct {
	signature *engine.Signature
	readFile  func(name string) ([]byte, error)
	batches   int64  // max_batch_size
	batch     int64  // the request's batch_size
	left      *int64 // how many bytes may still be made
}

func (m *warmupMaker) inputs(given *inference.ModelWarmup) ([]tensor.Tensor, error) {
	m.batch = int64(max(given.GetBatchSize(), 1))
	if m.batch > max(m.batches, 1) {
		return nil, fmt.Errorf(".batch_size is %d: the most is %d, since max_batch_size is %d", m.batch, max(m.batches, 1), m.batches)
	}
	for _, name := range slices.Sorted(maps.Keys(given.GetInputs())) {
		if !hasSpec(m.signature.Inputs, name) {
			return nil, fmt.Errorf(".inputs has %s, which is not an input of the model, which has %s", quote(name), specNames(m.signature.Inputs))
		}
	}
	inputs := make([]tensor.Tensor, len(m.signature.Inputs))
	for i := range m.signature.Inputs {
		spec := &m.signature.Inputs[i]
		input, ok := given.GetInputs()[spec.Name]
		if !ok {
			return nil, fmt.Errorf(".inputs has no %q, which the model needs: add it", spec.Name)
		}
		var err error
		if inputs[i], err = m.input(input, spec); err != nil {
			return nil, fmt.Errorf(".inputs[%q]%w", spec.Name, err)
		}
	}
	if err := m.signature.CheckInputs(inputs); err != nil {
		return nil, fmt.Errorf(".inputs do not fit the model: %w", err)
	}
	return inputs, nil
}

// input makes one input: an item, repeated to fill the batch.
func (m *warmupMaker) input(given *inference.ModelWarmup_Input, spec *engine.TensorSpec) (tensor.Tensor, error) {
	if d := given.GetDataType(); d != inference.DataType_TYPE_INVALID && DataTypeOf(d) != spec.DataType {
		return tensor.Tensor{}, fmt.Errorf(".data_type is %v, but the model has %v", d, ProtoDataType(spec.DataType))
	}
	item := tensor.Shape(slices.Clone(given.GetDims()))
	if spec.Shape != nil && len(spec.Shape) == 0 && !slices.ContainsFunc(item, func(d int64) bool { return d != 1 }) {
		item = tensor.Shape{} // a scalar may be given as ones
	}
	shape := item
	if m.batches > 0 {
		shape = append(tensor.Shape{m.batch}, item...)
	}
	if !item.IsStatic() || spec.Shape != nil && !spec.Shape.Accepts(shape) {
		return tensor.Tensor{}, fmt.Errorf(".dims is %v, which makes the shape %v: give sizes that fit the model's %v", item, shape, spec.Shape)
	}
	elements, err := item.Elements()
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf(".dims: %w", err)
	}
	data, err := m.item(given, spec.DataType, elements)
	if err != nil {
		return tensor.Tensor{}, err
	}
	size := int64(len(data)) * m.batch
	if size > maxWarmupInput {
		return tensor.Tensor{}, tooLarge(shape)
	}
	if *m.left -= size; *m.left < 0 {
		return tensor.Tensor{}, fmt.Errorf(" makes the requests of model_warmup take more than %d bytes: give fewer or smaller ones", int64(maxWarmups))
	}
	if m.batch > 1 {
		data = bytes.Repeat(data, int(m.batch))
	}
	return tensor.Tensor{DataType: spec.DataType, Shape: shape, Data: data}, nil
}

// item makes the data of one item of the batch.
func (m *warmupMaker) item(given *inference.ModelWarmup_Input, d tensor.DataType, elements int64) ([]byte, error) {
	size := int64(d.Size())
	if d == tensor.Bytes {
		size = int64(len(tensor.AppendElement(nil, nil)))
	}
	if elements > maxWarmupInput/size {
		return nil, tooLarge(given.GetDims())
	}
	size *= elements
	switch from := given.GetInputDataType().(type) {
	case *inference.ModelWarmup_Input_ZeroData:
		return make([]byte, size), nil
	case *inference.ModelWarmup_Input_RandomData:
		if d == tensor.Bytes {
			return make([]byte, size), nil
		}
		return randomData(d, elements)
	case *inference.ModelWarmup_Input_InputDataFile:
		return m.file(from.InputDataFile, d, elements, size)
	default:
		return nil, fmt.Errorf(" has no data: add zero_data: true, random_data: true or input_data_file")
	}
}

// file reads an item from a file, whose size is given for all but strings.
func (m *warmupMaker) file(name string, d tensor.DataType, elements, size int64) ([]byte, error) {
	if !isLocalPath(name) {
		return nil, fmt.Errorf(".input_data_file is %s: use the name of a file in the model's directory %s", quote(name), warmupDir)
	}
	data, err := m.readFile(path.Join(warmupDir, name))
	if err != nil {
		return nil, fmt.Errorf(".input_data_file: %w", err)
	}
	switch {
	case d == tensor.Bytes && int64(len(data)) > maxWarmupInput:
		return nil, fmt.Errorf(".input_data_file: %s has %d bytes, the most is %d", quote(name), len(data), maxWarmupInput)
	case d == tensor.Bytes:
		if err := tensor.CheckBytes(data, elements); err != nil {
			return nil, fmt.Errorf(".input_data_file: %s: %w", quote(name), err)
		}
		return data, nil
	case int64(len(data)) < size:
		return nil, fmt.Errorf(".input_data_file: %s has %d bytes, but data_type and dims take %d", quote(name), len(data), size)
	default:
		return slices.Clip(data[:size]), nil
	}
}

func tooLarge(shape []int64) error {
	return fmt.Errorf(".dims: %v takes more than %d bytes", tensor.Shape(shape), maxWarmupInput)
}

// quote quotes what the configuration has, cut to what a line has room for.
func quote(s string) string { return strconv.Quote(oneLine(s)) }
