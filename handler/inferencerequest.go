package handler

import (
	"maps"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// fromInferMessage returns the request that m is. Raw contents, and typed ones where
// their memory is that of a tensor, are not copied.
func fromInferMessage(m *inference.ModelInferRequest, started time.Time) (*inferRequest, error) {
	r := &inferRequest{
		model: m.GetModelName(), version: m.GetModelVersion(), id: m.GetId(),
		inputs:  make([]inferInput, len(m.GetInputs())),
		outputs: make([]inferOutput, len(m.GetOutputs())),
		started: started,
	}
	var err error
	if r.parameters, err = readParameters(maps.Keys(m.GetParameters()), sourceOf(m.GetParameters())); err != nil {
		return nil, err
	}
	for i, in := range m.GetInputs() {
		if r.inputs[i], err = fromInputMessage(in); err != nil {
			return nil, err
		}
	}
	if err := fillContents(r.inputs, m); err != nil {
		return nil, err
	}
	for i, out := range m.GetOutputs() {
		r.outputs[i].name = out.GetName()
		if err := r.outputs[i].readParameters(sourceOf(out.GetParameters())); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fromInputMessage returns the input that m is, without its elements.
func fromInputMessage(m *inference.ModelInferRequest_InferInputTensor) (inferInput, error) {
	in := inferInput{name: m.GetName(), Tensor: tensor.Tensor{Shape: m.GetShape()}}
	var err error
	if in.DataType, err = tensor.ParseDataType(m.GetDatatype()); err != nil {
		return in, invalidf("input %q: %v", in.name, err)
	}
	if _, err := in.Shape.Elements(); err != nil {
		return in, invalidf("input %q: %v", in.name, err)
	}
	return in, in.readParameters(sourceOf(m.GetParameters()))
}

// fillContents gives each input that is not in shared memory its elements, from the
// raw contents where there are any, else from its own. Those of raw contents are
// checked where the inputs are arranged.
func fillContents(inputs []inferInput, m *inference.ModelInferRequest) error {
	raw, next := m.GetRawInputContents(), 0
	for i := range inputs {
		in, contents := &inputs[i], m.GetInputs()[i].GetContents()
		given := contentsFields(contents)
		switch {
		case in.region != nil && len(given) > 0:
			return invalidf("input %q has both a shared_memory_region and contents.%s: send one of them", in.name, given[0])
		case in.region != nil:
		case len(raw) > 0 && len(given) > 0:
			return invalidf("input %q has contents.%s, and the request has raw_input_contents: send one of them for all inputs", in.name, given[0])
		case len(raw) > 0:
			if next < len(raw) {
				in.Data = raw[next]
			}
			next++
		default:
			var err error
			if in.Data, err = contentsData(&in.Tensor, contents, given); err != nil {
				return invalidf("input %q: %v", in.name, err)
			}
		}
	}
	if len(raw) > 0 && next != len(raw) {
		return invalidf("raw_input_contents has %d entries: the request has %d inputs that are not in shared memory (%s)", len(raw), next, inputNames(inputs))
	}
	return nil
}

// inputNames lists the inputs that need an entry of raw contents, for an error's text.
func inputNames(inputs []inferInput) string {
	names := make([]string, 0, len(inputs))
	for i := range inputs {
		if inputs[i].region == nil {
			names = append(names, inputs[i].name)
		}
	}
	return quoted(names)
}

// sourceOf returns the values of parameters.
func sourceOf(parameters map[string]*inference.InferParameter) parameterSource {
	return func(name string) any {
		switch choice := parameters[name].GetParameterChoice().(type) {
		case *inference.InferParameter_BoolParam:
			return choice.BoolParam
		case *inference.InferParameter_Int64Param:
			return choice.Int64Param
		case *inference.InferParameter_Uint64Param:
			return choice.Uint64Param
		case *inference.InferParameter_DoubleParam:
			return choice.DoubleParam
		case *inference.InferParameter_StringParam:
			return choice.StringParam
		}
		return nil
	}
}
