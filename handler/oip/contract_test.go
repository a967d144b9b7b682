package oip_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// TestTheConfigurationNarrowsTheModel holds requests to the dimensions and outputs that
// a configuration gives, and metadata to the same.
func TestTheConfigurationNarrowsTheModel(t *testing.T) {
	m := &infertest.Model{
		Inputs: []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{-1, 2, -1}}, {Name: "k", DataType: tensor.Int64, Shape: tensor.Shape{}}, {Name: "any", DataType: tensor.FP32}},
		Outputs: []engine.TensorSpec{
			{Name: "y", DataType: tensor.FP32, Shape: tensor.Shape{-1, 2, -1}}, {Name: "l", DataType: tensor.Int64, Shape: tensor.Shape{}}, {Name: "hidden", DataType: tensor.FP32},
		},
		Config: &inference.ModelConfig{
			Input:  []*inference.ModelInput{{Name: "any", Dims: []int64{1}}, {Name: "x", Dims: []int64{-1, 2, 3}}, {Name: "k", Dims: []int64{1}}},
			Output: []*inference.ModelOutput{{Name: "l", Dims: []int64{1}}, {Name: "y", Dims: []int64{-1, -1, 3}}},
		},
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	meta, err := client.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: "m"})
	if err != nil || len(meta.GetInputs()) != 3 || len(meta.GetOutputs()) != 2 || !slices.Equal(meta.GetInputs()[0].GetShape(), []int64{-1, 2, 3}) ||
		!slices.Equal(meta.GetInputs()[1].GetShape(), []int64{1}) || !slices.Equal(meta.GetInputs()[2].GetShape(), []int64{1}) || !slices.Equal(meta.GetOutputs()[0].GetShape(), []int64{-1, 2, 3}) {
		t.Errorf("%v, %v", meta, err)
	}
	request := func(shape ...int64) *inference.ModelInferRequest {
		return &inference.ModelInferRequest{
			ModelName: "m", RawInputContents: [][]byte{make([]byte, 4*shape[0]*shape[1]*shape[2]), make([]byte, 8), make([]byte, 4)},
			Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", shape...), handlertest.Input("k", "INT64", 1), handlertest.Input("any", "FP32", 1)},
		}
	}
	// Only the offered outputs are returned, and a scalar has the configured shape for
	// every form of the input.
	for _, scalar := range [][]int64{{1}, {}, {1, 1}} {
		req := request(1, 2, 3)
		req.Inputs[1].Shape = scalar
		res, err := client.ModelInfer(t.Context(), req)
		if err != nil || len(res.GetOutputs()) != 2 || res.GetOutputs()[1].GetName() != "l" || !slices.Equal(res.GetOutputs()[1].GetShape(), []int64{1}) {
			t.Errorf("%v: %v, %v", scalar, res, err)
		}
	}
	_, err = client.ModelInfer(t.Context(), request(1, 2, 4))
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `input "x"`, "[1, 2, 4]", "[-1, 2, 3]")
	req := request(1, 2, 3)
	req.Inputs[1].Shape = []int64{2}
	_, err = client.ModelInfer(t.Context(), req)
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `input "k"`)
	req = request(1, 2, 3)
	req.Outputs = handlertest.RequestedOutputs("hidden")
	_, err = client.ModelInfer(t.Context(), req)
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `output "hidden"`, `"y"`)
}

func TestAQueueThatTakesLongerThanTheTimeout(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Instances = 1
	began := make(chan struct{}, 1)
	m.Compute = func(ctx context.Context, _ []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	holding, let := context.WithCancel(t.Context())
	held := make(chan struct{})
	go func() {
		defer close(held)
		_, _ = client.ModelInfer(holding, handlertest.VectorRequest("", 1)) // cancelled
	}()
	defer func() { let(); <-held }()
	<-began
	req := handlertest.VectorRequest("", 1)
	req.Parameters = handlertest.Parameters{"timeout": handlertest.Int64(1000), "priority": {ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: 1}}, "sequence_id": handlertest.Int64(0), "mine": handlertest.String("x")}
	_, err := client.ModelInfer(t.Context(), req)
	handlertest.WantError(t, err, connect.CodeUnavailable, "timed out in the queue")
	// The caller's own deadline stays one.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	req.Parameters = handlertest.Parameters{"timeout": handlertest.Int64(60_000_000)}
	_, err = client.ModelInfer(ctx, req)
	handlertest.WantError(t, err, connect.CodeDeadlineExceeded)
}
