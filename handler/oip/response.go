package oip

import (
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// response returns the message of a result, whose memory it has. Elements are always raw,
// because the common Python client reads typed ones as an empty array. An output in
// shared memory has an empty entry of raw contents: clients find an output's entry by its
// index.
func response(r *infer.Result) *inference.ModelInferResponse {
	m := &inference.ModelInferResponse{
		ModelName: r.Model, ModelVersion: r.Version, Id: r.ID,
		Outputs:           make([]*inference.ModelInferResponse_InferOutputTensor, len(r.Outputs)),
		RawOutputContents: make([][]byte, len(r.Outputs)),
	}
	for i := range r.Outputs {
		out := &r.Outputs[i]
		m.Outputs[i] = &inference.ModelInferResponse_InferOutputTensor{
			Name: out.Name, Datatype: out.DataType.String(), Shape: out.Shape, Parameters: regionParameters(out.Region),
		}
		m.RawOutputContents[i] = out.Data
	}
	return m
}

// regionParameters returns the parameters of a tensor in shared memory; nil for one that
// is not.
func regionParameters(s *infer.Span) map[string]*inference.InferParameter {
	if s == nil {
		return nil
	}
	return map[string]*inference.InferParameter{
		"shared_memory_region":    {ParameterChoice: &inference.InferParameter_StringParam{StringParam: s.Region}},
		"shared_memory_offset":    {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(s.Offset)}},
		"shared_memory_byte_size": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(s.Size)}},
	}
}
