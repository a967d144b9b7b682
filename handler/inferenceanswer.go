package handler

import "github.com/tensorwire/tensorwire/gen/inference"

// message returns the result as the answer of an RPC. Elements are always raw, for
// the common Python client reads typed ones as an empty array; they are the result's
// own memory. An output in shared memory has an entry of raw contents, too, which is
// empty: clients find an output's entry by its place.
func (r *inferResult) message() *inference.ModelInferResponse {
	m := &inference.ModelInferResponse{
		ModelName: r.model, ModelVersion: r.version, Id: r.id,
		Outputs:           make([]*inference.ModelInferResponse_InferOutputTensor, len(r.outputs)),
		RawOutputContents: make([][]byte, len(r.outputs)),
	}
	for i := range r.outputs {
		out := &r.outputs[i]
		m.Outputs[i] = &inference.ModelInferResponse_InferOutputTensor{
			Name: out.name, Datatype: out.DataType.String(), Shape: out.Shape, Parameters: out.region.parameters(),
		}
		m.RawOutputContents[i] = out.Data
	}
	return m
}

// parameters returns those that say where in shared memory a tensor is; nil where it
// is not.
func (s *regionSpan) parameters() map[string]*inference.InferParameter {
	if s == nil {
		return nil
	}
	return map[string]*inference.InferParameter{
		"shared_memory_region":    {ParameterChoice: &inference.InferParameter_StringParam{StringParam: s.region}},
		"shared_memory_offset":    {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(s.offset)}},
		"shared_memory_byte_size": {ParameterChoice: &inference.InferParameter_Int64Param{Int64Param: int64(s.size)}},
	}
}
