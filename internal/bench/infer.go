package main

import (
	"context"
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/wire"
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

// inferClient calls a server's models by the Open Inference Protocol, and takes little of
// the cores that they share.
type inferClient struct {
	wire *wire.Client
	// statistics asks what the server counts.
	statistics inferenceconnect.GRPCInferenceServiceClient
}

// newInferClient returns a client of the server, which the caller closes.
func newInferClient(server *process.Process) *inferClient {
	return &inferClient{wire: newWire(server), statistics: dialInference(server)}
}

func (c *inferClient) close() { c.wire.Close() }

// newWire returns a client that takes little of the server's cores, which the caller
// closes.
func newWire(server *process.Process) *wire.Client {
	return wire.New(strings.TrimPrefix(server.Base, "http://"))
}

// inferCall asks a model for its only output.
type inferCall struct {
	client *inferClient
	model  string
	// request is nil when err says why it could not be encoded.
	request *wire.Request
	err     error
	// bytes is how many the output has.
	bytes int
}

func newInferCall(client *inferClient, req *inference.ModelInferRequest, bytes int) *inferCall {
	c := &inferCall{client: client, model: req.GetModelName(), bytes: bytes}
	var message []byte
	if message, c.err = proto.Marshal(req); c.err == nil {
		c.request = wire.NewRequest(inferenceconnect.GRPCInferenceServiceModelInferProcedure, message, 0)
	}
	return c
}

// digitsCall is a call of a copy of the digits model, whose image is the first of data.
func digitsCall(client *inferClient, name string, data []byte) *inferCall {
	const pixels = digitSize * digitSize
	return newInferCall(client, newInferRequest(name, "image", []int64{1, 1, digitSize, digitSize}, data[:4*pixels]), 4*digitClasses)
}

// denseCall is a call of a copy of the dense model, whose row is the first of data.
func denseCall(client *inferClient, name string, data []byte) *inferCall {
	return newInferCall(client, newInferRequest(name, "x", []int64{1, denseWidth}, data[:4*denseWidth]), 4*denseWidth)
}

// imageCall is a call of a classifier of pictures.
func imageCall(client *inferClient, name string, data []byte) *inferCall {
	return newInferCall(client, newInferRequest(name, "image", imageShape(), data), 4*model.Classes)
}

// do makes one request and checks that the answer is one. It is safe for concurrent use.
func (c *inferCall) do(ctx context.Context, _ int) error {
	if c.err != nil {
		return c.err
	}
	return c.client.wire.Call(ctx, c.request, func(message []byte) error {
		var res inference.ModelInferResponse
		if err := proto.Unmarshal(message, &res); err != nil {
			return err
		}
		if raw := res.GetRawOutputContents(); len(raw) != 1 || len(raw[0]) != c.bytes {
			return fmt.Errorf("the answer of %s has %d outputs, want one of %d bytes", c.model, len(raw), c.bytes)
		}
		return nil
	})
}

// runs is how often a model was run, and for how many items of batches.
type runs struct{ inferences, executions uint64 }

// runs returns what the server counts of the model.
func (c *inferCall) runs(ctx context.Context) (runs, error) {
	res, err := c.client.statistics.ModelStatistics(ctx, &inference.ModelStatisticsRequest{Name: c.model})
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
