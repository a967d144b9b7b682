package oip_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestInferStreamAnswersInOrderAndOutlivesBadRequests(t *testing.T) {
	for _, window := range []int{1, 2, 16} {
		client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{StreamWindow: window})
		stream := handlertest.OpenStream(t, client.ModelStreamInfer)
		const requests = 100
		handlertest.SendAll(t, stream, requests, func(i int) *inference.ModelInferRequest {
			req := handlertest.VectorRequest(strconv.Itoa(i), float32(i))
			switch i % 10 {
			case 3:
				req.RawInputContents[0] = req.GetRawInputContents()[0][:3]
			case 7:
				req.ModelName = "nobody"
			case 9:
				req.Parameters = handlertest.Parameters{"triton_enable_empty_final_response": handlertest.Bool(true)}
			}
			return req
		})
		for i := range requests {
			res, err := stream.Receive()
			if err != nil {
				t.Fatalf("window %d, request %d: %v", window, i, err)
			}
			answer, fails := res.GetInferResponse(), i%10 == 3 || i%10 == 7
			if answer.GetId() != strconv.Itoa(i) || (res.GetErrorMessage() != "") != fails {
				t.Fatalf("window %d, request %d: %v", window, i, res)
			}
			if !answer.GetParameters()["triton_final_response"].GetBoolParam() {
				t.Errorf("request %d: the answer is not marked as the final one: %v", i, res)
			}
			if !fails && !slices.Equal(answer.GetRawOutputContents()[0], tensor.AsBytes([]float32{float32(i)})) {
				t.Errorf("request %d: %v", i, res)
			}
			if fails && (answer.GetModelName() == "" || len(answer.GetOutputs()) != 0) {
				t.Errorf("request %d: %v", i, res)
			}
		}
		if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ends with %v", err)
		}
	}
}

// TestInferStreamRunsAWindowAtOnce holds the first answers back until as many
// requests run as the window has.
func TestInferStreamRunsAWindowAtOnce(t *testing.T) {
	const window = 3
	running, proceed := make(chan struct{}, window), make(chan struct{})
	m := infertest.Echo(tensor.FP32, -1)
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		running <- struct{}{}
		<-proceed
		return &engine.Result{Outputs: inputs}, nil
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{StreamWindow: window})
	stream := handlertest.OpenStream(t, client.ModelStreamInfer)
	handlertest.SendAll(t, stream, 2*window, func(i int) *inference.ModelInferRequest {
		return handlertest.VectorRequest(strconv.Itoa(i), 1)
	})
	for range window {
		<-running // it waits forever if fewer run at once
	}
	close(proceed)
	for i := range 2 * window {
		if res, err := stream.Receive(); err != nil || res.GetInferResponse().GetId() != strconv.Itoa(i) {
			t.Fatalf("%v, %v", res, err)
		}
	}
}

func TestInferStreamAnswersWhatItHasWhenTheServerStops(t *testing.T) {
	draining := make(chan struct{})
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{Draining: draining})
	stream := handlertest.OpenStream(t, client.ModelStreamInfer)
	if res := handlertest.Exchange(t, stream, handlertest.VectorRequest("1", 1)); res.GetErrorMessage() != "" {
		t.Fatal(res)
	}
	close(draining)
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestAPanicInAStreamIsItsRequestsAlone(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		if inputs[0].Shape[0] == 2 {
			panic("a secret")
		}
		return &engine.Result{Outputs: inputs}, nil
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	stream := handlertest.OpenStream(t, client.ModelStreamInfer)
	for i, values := range [][]float32{{1}, {1, 2}, {1}} {
		res := handlertest.Exchange(t, stream, handlertest.VectorRequest(strconv.Itoa(i), values...))
		if res.GetInferResponse().GetId() != strconv.Itoa(i) {
			t.Fatal(res)
		}
		want := map[int]string{1: "the model failed on this input; the server's log has the cause"}[i]
		if res.GetErrorMessage() != want {
			t.Errorf("request %d: error %q, want %q", i, res.GetErrorMessage(), want)
		}
	}
}
