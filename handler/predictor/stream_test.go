package predictor_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestStreamAnswersInOrderAndOutlivesBadFrames(t *testing.T) {
	for _, window := range []int{1, 2, 16} {
		client, _ := serve(t, map[string]model{"m": nchw3}, handlertest.Options{StreamWindow: window})
		stream := handlertest.OpenStream(t, client.StreamPredict)
		const frames = 100
		handlertest.SendAll(t, stream, frames, func(i int) *modelserving.InferenceRequest {
			frame := &modelserving.InferenceRequest{Id: strconv.Itoa(i), TensorData: slices.Repeat([]float32{float32(i)}, 12)}
			switch i % 10 {
			case 3:
				frame.TensorData = frame.GetTensorData()[:5]
			case 5:
				frame.TensorData, frame.RawImage = nil, bytes.Repeat([]byte{255}, 12)
			case 7:
				frame.ModelName = "nobody"
			}
			return frame
		})
		for i := range frames {
			res, err := stream.Receive()
			if err != nil {
				t.Fatalf("window %d, frame %d: %v", window, i, err)
			}
			if res.GetId() != strconv.Itoa(i) {
				t.Fatalf("window %d: answer %s at place %d", window, res.GetId(), i)
			}
			wantCode, want := "", float32(i)
			switch i % 10 {
			case 3:
				wantCode = "invalid_argument"
			case 5:
				want = 1
			case 7:
				wantCode = "not_found"
			}
			if res.GetError().GetCode() != wantCode {
				t.Errorf("frame %d: error %v, want code %q", i, res.GetError(), wantCode)
			}
			if wantCode == "" && res.GetConfidence() != want {
				t.Errorf("frame %d: confidence %v, want %v", i, res.GetConfidence(), want)
			}
			if wantCode != "" && (res.GetError().GetMessage() == "" || len(res.GetPredictions()) != 0) {
				t.Errorf("frame %d: %v", i, res)
			}
		}
		if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ends with %v", err)
		}
	}
}

func TestStreamAnswersWhatItHasWhenTheServerStops(t *testing.T) {
	draining := make(chan struct{})
	client, _ := serve(t, map[string]model{"m": nchw3}, handlertest.Options{Draining: draining})
	stream := handlertest.OpenStream(t, client.StreamPredict)
	if res := handlertest.Exchange(t, stream, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12)}); res.GetError() != nil {
		t.Fatal(res)
	}
	close(draining)
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestStreamEndsWhenTheClientLeaves(t *testing.T) {
	client, r := serve(t, map[string]model{"m": nchw3}, handlertest.Options{StreamWindow: 2})
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.StreamPredict(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := stream.Send(&modelserving.InferenceRequest{TensorData: infertest.Ramp(12)}); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for err == nil {
		_, err = stream.Receive()
	}
	// Close waits for the leases of every frame: one that leaked would hang here.
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
