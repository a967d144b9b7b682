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
	// warmupDir is the directory of input_data_file, in the model's directory.
	warmupDir = "warmup"
	// maxWarmupInput limits one input of a warmup request, maxWarmups all inputs of a
	// model, in bytes: they are in memory at the same time.
	maxWarmupInput = 1 << 30
	maxWarmups     = 4 << 30
	// maxWarmupCount limits the runs of one request, so that the model becomes ready.
	maxWarmupCount = 10_000
)

// Warmup is a request that runs before a model becomes ready.
type Warmup struct {
	// Name is for log lines; empty when the configuration has none.
	Name string
	// Count is the number of runs, at least 1.
	Count int
	// Inputs has one tensor for each input of the signature, in their order. They fit the
	// signature. The caller owns their memory.
	Inputs []tensor.Tensor
}

// Warmups creates the requests of model_warmup, nil when there are none. config is the
// parsed or the completed configuration; it may be nil.
//
// readFile reads a file by its slash-separated path in the model's directory, such as
// "warmup/cat.bin": the elements of one item of the batch, row-major and little-endian,
// strings each with a four-byte length prefix. Additional bytes at the end of a file are
// ignored, except for strings.
//
// As in Triton, zero_data and random_data count as set even when false, random strings are
// empty, and an item is repeated to fill the batch. Random numbers are the same on each
// call; integers are 0 or 1, so that they are valid as indices. A batch_size of 0 means 1;
// Triton would skip the request.
//
// An error has the request, its field, the value and the accepted values.
func Warmups(config *inference.ModelConfig, signature *engine.Signature, readFile func(name string) ([]byte, error)) ([]Warmup, error) {
	var warmups []Warmup
	left := int64(maxWarmups)
	for i, configured := range config.GetModelWarmup() {
		field := fmt.Sprintf("%s: model_warmup[%s]", fromFile, elementName(configured.ProtoReflect(), i))
		m := warmupBuilder{signature: signature, readFile: readFile, batches: int64(config.GetMaxBatchSize()), left: &left}
		inputs, err := m.inputs(configured)
		if err != nil {
			return nil, fmt.Errorf("%s%w", field, err)
		}
		count := max(configured.GetCount(), 1)
		if count > maxWarmupCount {
			return nil, fmt.Errorf("%s.count is %d: the limit is %d", field, count, maxWarmupCount)
		}
		warmups = append(warmups, Warmup{Name: configured.GetName(), Count: int(count), Inputs: inputs})
	}
	return warmups, nil
}

// warmupBuilder creates the inputs of one request. Its errors begin with ".field".
type warmupBuilder struct {
	signature *engine.Signature
	readFile  func(name string) ([]byte, error)
	batches   int64  // max_batch_size
	batch     int64  // the request's batch_size
	left      *int64 // remaining bytes of maxWarmups
}

func (m *warmupBuilder) inputs(configured *inference.ModelWarmup) ([]tensor.Tensor, error) {
	m.batch = int64(max(configured.GetBatchSize(), 1))
	if m.batch > max(m.batches, 1) {
		return nil, fmt.Errorf(".batch_size is %d: the limit is %d (max_batch_size is %d)", m.batch, max(m.batches, 1), m.batches)
	}
	for _, name := range slices.Sorted(maps.Keys(configured.GetInputs())) {
		if !hasSpec(m.signature.Inputs, name) {
			return nil, fmt.Errorf(".inputs has %s, but the model's inputs are %s", quote(name), specNames(m.signature.Inputs))
		}
	}
	inputs := make([]tensor.Tensor, len(m.signature.Inputs))
	for i := range m.signature.Inputs {
		spec := &m.signature.Inputs[i]
		input, ok := configured.GetInputs()[spec.Name]
		if !ok && spec.Optional {
			continue
		}
		if !ok {
			return nil, fmt.Errorf(".inputs lacks %q, which the model requires: add it", spec.Name)
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

// input creates one input: an item, repeated to fill the batch.
func (m *warmupBuilder) input(configured *inference.ModelWarmup_Input, spec *engine.TensorSpec) (tensor.Tensor, error) {
	if d := configured.GetDataType(); d != inference.DataType_TYPE_INVALID && DataTypeOf(d) != spec.DataType {
		return tensor.Tensor{}, fmt.Errorf(".data_type is %v, but the model has %v", d, ProtoDataType(spec.DataType))
	}
	item := tensor.Shape(slices.Clone(configured.GetDims()))
	if spec.Shape != nil && len(spec.Shape) == 0 && !slices.ContainsFunc(item, func(d int64) bool { return d != 1 }) {
		item = tensor.Shape{} // dims of a scalar may be ones
	}
	shape, batch := item, int64(1)
	if m.batches > 0 && (!spec.Optional || spec.HasBatch()) {
		shape, batch = append(tensor.Shape{m.batch}, item...), m.batch
	}
	if !item.IsStatic() || spec.Shape != nil && !spec.Shape.Accepts(shape) {
		return tensor.Tensor{}, fmt.Errorf(".dims is %v, which makes shape %v: use sizes that fit the model's shape %v", item, shape, spec.Shape)
	}
	elements, err := item.Elements()
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf(".dims: %w", err)
	}
	data, err := m.item(configured, spec.DataType, elements)
	if err != nil {
		return tensor.Tensor{}, err
	}
	size := int64(len(data)) * batch
	if size > maxWarmupInput {
		return tensor.Tensor{}, tooLarge(shape)
	}
	if *m.left -= size; *m.left < 0 {
		return tensor.Tensor{}, fmt.Errorf(" raises the requests of model_warmup above %d bytes: use fewer or smaller ones", int64(maxWarmups))
	}
	if batch > 1 {
		data = bytes.Repeat(data, int(batch))
	}
	return tensor.Tensor{DataType: spec.DataType, Shape: shape, Data: data}, nil
}

// item creates the data of one item of the batch.
func (m *warmupBuilder) item(configured *inference.ModelWarmup_Input, d tensor.DataType, elements int64) ([]byte, error) {
	size := int64(d.Size())
	if d == tensor.Bytes {
		size = int64(len(tensor.AppendElement(nil, nil)))
	}
	if elements > maxWarmupInput/size {
		return nil, tooLarge(configured.GetDims())
	}
	size *= elements
	switch from := configured.GetInputDataType().(type) {
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
		return nil, fmt.Errorf(" has no data: set zero_data, random_data or input_data_file")
	}
}

// file reads an item from a file. size is its length in bytes, except for strings.
func (m *warmupBuilder) file(name string, d tensor.DataType, elements, size int64) ([]byte, error) {
	if !isLocalPath(name) {
		return nil, fmt.Errorf(".input_data_file is %s: use the name of a file in the model's directory %s", quote(name), warmupDir)
	}
	data, err := m.readFile(path.Join(warmupDir, name))
	if err != nil {
		return nil, fmt.Errorf(".input_data_file: %w", err)
	}
	switch {
	case d == tensor.Bytes && int64(len(data)) > maxWarmupInput:
		return nil, fmt.Errorf(".input_data_file: %s has %d bytes, the limit is %d", quote(name), len(data), maxWarmupInput)
	case d == tensor.Bytes:
		if err := tensor.CheckBytes(data, elements); err != nil {
			return nil, fmt.Errorf(".input_data_file: %s: %w", quote(name), err)
		}
		return data, nil
	case int64(len(data)) < size:
		return nil, fmt.Errorf(".input_data_file: %s has %d bytes, but data_type and dims require %d", quote(name), len(data), size)
	default:
		return slices.Clip(data[:size]), nil
	}
}

func tooLarge(shape []int64) error {
	return fmt.Errorf(".dims: shape %v exceeds %d bytes", tensor.Shape(shape), maxWarmupInput)
}

// quote quotes text of the configuration, on one line and truncated.
func quote(s string) string { return strconv.Quote(oneLine(s)) }
