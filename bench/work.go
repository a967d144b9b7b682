package main

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// work is what a server does with one request: the same on both sides.
type work func(context.Context, *inference.ModelInferRequest) (*inference.ModelInferResponse, error)

// countBytes answers with the length of the input.
func countBytes(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(payloadOf(req))))
	return newAnswer(req, "length", tensor.Int64, []int64{1}, length), nil
}

// lengthOf answers FastPredict with the length of the image, as its shape.
func lengthOf(req *modelserving.FastInferenceRequest) *modelserving.InferenceResponse {
	return &modelserving.InferenceResponse{Shape: []int64{int64(len(req.GetRawImage()))}}
}

// answerWith answers with size bytes, the same memory each time.
func answerWith(size int) work {
	memory := make([]byte, size)
	return func(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
		return newAnswer(req, "output", tensor.Uint8, []int64{int64(size)}, memory), nil
	}
}

// echo answers with the input.
func echo(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	payload := payloadOf(req)
	return newAnswer(req, "output", tensor.Uint8, []int64{int64(len(payload))}, payload), nil
}

// runModel answers with what a model of one input and one output makes of the input,
// as a server that is written by hand does: the message's bytes are the tensor's memory.
func runModel(session engine.Session) work {
	return func(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
		if len(req.GetInputs()) != 1 {
			return nil, fmt.Errorf("the request has %d inputs, the model takes 1", len(req.GetInputs()))
		}
		datatype, err := tensor.ParseDataType(req.GetInputs()[0].GetDatatype())
		if err != nil {
			return nil, err
		}
		in := tensor.Tensor{DataType: datatype, Shape: req.GetInputs()[0].GetShape(), Data: payloadOf(req)}
		result, err := session.Run(ctx, []tensor.Tensor{in})
		if err != nil {
			return nil, err
		}
		out := result.Outputs[0]
		return newAnswer(req, "output", out.DataType, out.Shape, out.Data), nil
	}
}

// payloadOf returns the raw contents of a request's first input.
func payloadOf(req *inference.ModelInferRequest) []byte {
	if len(req.GetRawInputContents()) == 0 {
		return nil
	}
	return req.GetRawInputContents()[0]
}

func newAnswer(req *inference.ModelInferRequest, name string, datatype tensor.DataType, shape []int64, data []byte) *inference.ModelInferResponse {
	return &inference.ModelInferResponse{
		ModelName: req.GetModelName(), ModelVersion: "1", Id: req.GetId(),
		Outputs:           []*inference.ModelInferResponse_InferOutputTensor{{Name: name, Datatype: datatype.String(), Shape: shape}},
		RawOutputContents: [][]byte{data},
	}
}
