package oip

import (
	"maps"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// fromMessage returns the request of a message. Raw contents, and typed ones whose memory
// is that of a tensor, are not copied.
func fromMessage(m *inference.ModelInferRequest, started time.Time) (*infer.Request, error) {
	r := &infer.Request{
		Model: m.GetModelName(), Version: m.GetModelVersion(), ID: m.GetId(),
		Inputs:  make([]infer.Input, len(m.GetInputs())),
		Outputs: make([]infer.Output, len(m.GetOutputs())),
		Started: started,
	}
	var err error
	if r.Parameters, err = infer.ReadParameters(maps.Keys(m.GetParameters()), sourceOf(m.GetParameters())); err != nil {
		return nil, err
	}
	for i, in := range m.GetInputs() {
		if r.Inputs[i], err = fromInputMessage(in); err != nil {
			return nil, err
		}
	}
	if err := fillContents(r.Inputs, m); err != nil {
		return nil, err
	}
	for i, out := range m.GetOutputs() {
		r.Outputs[i].Name = out.GetName()
		if err := r.Outputs[i].ReadParameters(sourceOf(out.GetParameters())); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fromInputMessage returns the input of a message, without its elements.
func fromInputMessage(m *inference.ModelInferRequest_InferInputTensor) (infer.Input, error) {
	in := infer.Input{Name: m.GetName(), Tensor: tensor.Tensor{Shape: m.GetShape()}}
	var err error
	if in.DataType, err = tensor.ParseCanonicalDataType(m.GetDatatype()); err != nil {
		return in, infer.Invalidf("input %q: %v", in.Name, err)
	}
	if _, err := in.Shape.Elements(); err != nil {
		return in, infer.Invalidf("input %q: %v", in.Name, err)
	}
	return in, in.ReadParameters(sourceOf(m.GetParameters()))
}

// fillContents sets the elements of each input that is not in shared memory: from the raw
// contents where there are any, else from its own. The Runner checks raw contents.
func fillContents(inputs []infer.Input, m *inference.ModelInferRequest) error {
	raw, next := m.GetRawInputContents(), 0
	for i := range inputs {
		in, contents := &inputs[i], m.GetInputs()[i].GetContents()
		given := contentsFields(contents)
		switch {
		case in.Region != nil && len(given) > 0:
			return infer.Invalidf("input %q has both a shared_memory_region and contents.%s: send one of them", in.Name, given[0])
		case in.Region != nil:
		case len(raw) > 0 && len(given) > 0:
			return infer.Invalidf("input %q has contents.%s, and the request has raw_input_contents: send one of them for all inputs", in.Name, given[0])
		case len(raw) > 0:
			if next < len(raw) {
				in.Data = raw[next]
			}
			next++
		default:
			var err error
			if in.Data, err = contentsData(&in.Tensor, contents, given); err != nil {
				return infer.Invalidf("input %q: %v", in.Name, err)
			}
		}
	}
	if len(raw) > 0 && next != len(raw) {
		return infer.Invalidf("raw_input_contents has %d entries: the request has %d inputs that are not in shared memory (%s)", len(raw), next, inputNames(inputs))
	}
	return nil
}

// inputNames lists the inputs that need an entry of raw contents, for the text of an error.
func inputNames(inputs []infer.Input) string {
	names := make([]string, 0, len(inputs))
	for i := range inputs {
		if inputs[i].Region == nil {
			names = append(names, inputs[i].Name)
		}
	}
	return infer.QuoteNames(names)
}

// sourceOf returns the values of parameters.
func sourceOf(parameters map[string]*inference.InferParameter) infer.ParameterSource {
	return func(name string) infer.Parameter {
		switch choice := parameters[name].GetParameterChoice().(type) {
		case *inference.InferParameter_BoolParam:
			return infer.BoolParameter(choice.BoolParam)
		case *inference.InferParameter_Int64Param:
			return infer.IntParameter(choice.Int64Param)
		case *inference.InferParameter_Uint64Param:
			return infer.UintParameter(choice.Uint64Param)
		case *inference.InferParameter_DoubleParam:
			return infer.FloatParameter(choice.DoubleParam)
		case *inference.InferParameter_StringParam:
			return infer.TextParameter(choice.StringParam)
		}
		return infer.Parameter{}
	}
}
