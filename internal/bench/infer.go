package main

import (
	"context"
	"fmt"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// digitClasses is how many classes the digits model tells apart.
const digitClasses = 10

// The dense model: a single row reads as many weights as a batch does, and they are more
// than the CPU's caches hold.
const (
	denseModel  = "dense"
	denseLayers = 4
	denseWidth  = 2048
)

// dialInference returns a client of the Open Inference Protocol, by gRPC on one
// connection.
func dialInference(server *process.Process) inferenceconnect.GRPCInferenceServiceClient {
	return inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(newHTTPClient(http2), server.Base, connecthttp.WithGRPC())))
}

// newInferRequest is a request whose only input is of FP32.
func newInferRequest(name, input string, shape []int64, data []byte) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName:        name,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: input, Datatype: "FP32", Shape: shape}},
		RawInputContents: [][]byte{data},
	}
}

// inferCall asks a model for its only output.
type inferCall struct {
	client inferenceconnect.GRPCInferenceServiceClient
	req    *inference.ModelInferRequest
	// bytes is how many the output has.
	bytes int
}

// digitsCall is a call of a copy of the digits model, whose image is the first of data.
func digitsCall(client inferenceconnect.GRPCInferenceServiceClient, name string, data []byte) *inferCall {
	const pixels = digitSize * digitSize
	return &inferCall{client: client, req: newInferRequest(name, "image", []int64{1, 1, digitSize, digitSize}, data[:4*pixels]), bytes: 4 * digitClasses}
}

// denseCall is a call of a copy of the dense model, whose row is the first of data.
func denseCall(client inferenceconnect.GRPCInferenceServiceClient, name string, data []byte) *inferCall {
	return &inferCall{client: client, req: newInferRequest(name, "x", []int64{1, denseWidth}, data[:4*denseWidth]), bytes: 4 * denseWidth}
}

// imageCall is a call of a classifier of pictures.
func imageCall(client inferenceconnect.GRPCInferenceServiceClient, name string, data []byte) *inferCall {
	return &inferCall{client: client, req: newInferRequest(name, "image", imageShape(), data), bytes: 4 * model.Classes}
}

// do makes one request and checks that the answer is one. It is safe for concurrent use.
func (c *inferCall) do(ctx context.Context, _ int) error {
	res, err := c.client.ModelInfer(ctx, c.req)
	if err != nil {
		return err
	}
	if raw := res.GetRawOutputContents(); len(raw) != 1 || len(raw[0]) != c.bytes {
		return fmt.Errorf("the answer of %s has %d outputs, want one of %d bytes", c.req.GetModelName(), len(raw), c.bytes)
	}
	return nil
}

// runs is how often a model was run, and for how many items of batches.
type runs struct{ inferences, executions uint64 }

// runs returns what the server counts of the model.
func (c *inferCall) runs(ctx context.Context) (runs, error) {
	res, err := c.client.ModelStatistics(ctx, &inference.ModelStatisticsRequest{Name: c.req.GetModelName()})
	if err != nil {
		return runs{}, err
	}
	var all runs
	for _, version := range res.GetModelStats() {
		all.inferences += version.GetInferenceCount()
		all.executions += version.GetExecutionCount()
	}
	return all, nil
}

// add counts what was run between two looks.
func (r *runs) add(before, after runs) {
	r.inferences += after.inferences - before.inferences
	r.executions += after.executions - before.executions
}

// mean writes how many items a run had; a dash where there was none.
func (r *runs) mean() string {
	if r.executions == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", float64(r.inferences)/float64(r.executions))
}
