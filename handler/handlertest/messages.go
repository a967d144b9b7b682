package handlertest

import (
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Parameters are those of a message.
type Parameters = map[string]*inference.InferParameter

// Int64 returns a parameter.
func Int64(v int64) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: v}}
}

// String returns a parameter.
func String(v string) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_StringParam{StringParam: v}}
}

// Bool returns a parameter.
func Bool(v bool) *inference.InferParameter {
	return &inference.InferParameter{ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: v}}
}

// Input returns an input without elements.
func Input(name, datatype string, shape ...int64) *inference.ModelInferRequest_InferInputTensor {
	return &inference.ModelInferRequest_InferInputTensor{Name: name, Datatype: datatype, Shape: shape}
}

// RequestedOutputs returns the outputs of those names for a request.
func RequestedOutputs(names ...string) []*inference.ModelInferRequest_InferRequestedOutputTensor {
	outputs := make([]*inference.ModelInferRequest_InferRequestedOutputTensor, len(names))
	for i, name := range names {
		outputs[i] = &inference.ModelInferRequest_InferRequestedOutputTensor{Name: name}
	}
	return outputs
}

// VectorRequest asks model m to return values.
func VectorRequest(id string, values ...float32) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName: "m", Id: id,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{Input("x", "FP32", int64(len(values)))},
		RawInputContents: [][]byte{tensor.AsBytes(values)},
	}
}

// Elements returns the data of a BYTES tensor.
func Elements(texts ...string) []byte {
	var data []byte
	for _, text := range texts {
		data = tensor.AppendElement(data, []byte(text))
	}
	return data
}

// WantError checks an error's code, and that its text has each of parts.
func WantError(t testing.TB, err error, code connect.Code, parts ...string) {
	t.Helper()
	if connect.CodeOf(err) != code || err == nil {
		t.Errorf("code %v, want %v: %v", connect.CodeOf(err), code, err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}
