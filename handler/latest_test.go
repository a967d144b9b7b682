package handler_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frames are sent while the model is held with the first of them.
const frames = 50

// waitOvertaken waits until all frames but the first and the last were overtaken.
func waitOvertaken(t *testing.T, statistics *telemetry.Statistics) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); statistics.Sums().NotRun[scheduler.ReasonOvertaken] < frames-2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", statistics.Sums().NotRun)
		}
	}
}

func checkOvertaken(t *testing.T, statistics *telemetry.Statistics) {
	t.Helper()
	if sums := statistics.Sums(); sums.Success.Count != 2 || sums.Fail.Count != 0 || sums.InFlight != 0 || sums.NotRun[scheduler.ReasonOvertaken] != frames-2 {
		t.Errorf("%+v", sums)
	}
}

// TestOnlyTheLatestFrameIsRun sends many more frames than the window while the model is
// busy: those that were overtaken are answered as such, in order.
func TestOnlyTheLatestFrameIsRun(t *testing.T) {
	m, began, let := infertest.Held()
	apis, r := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{StreamWindow: 2})
	client := handlertest.PredictorClient(apis.Predictor)
	stream := handlertest.OpenStream(t, client.StreamPredict)
	for i := range frames {
		if err := stream.Send(&modelserving.InferenceRequest{Id: strconv.Itoa(i), TensorData: []float32{float32(i), 0}, LatestOnly: true}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-began
		}
	}
	statistics := r.Snapshot().Models[0].Newest().Statistics
	waitOvertaken(t, statistics)
	close(let)
	for i := range frames {
		res, err := stream.Receive()
		if err != nil || res.GetId() != strconv.Itoa(i) || res.GetError() != nil {
			t.Fatalf("%v, %v", res, err)
		}
		run := i == 0 || i == frames-1
		if res.GetDropped() == run || (run && res.GetPredictions()[0] != float32(i)) {
			t.Errorf("frame %d: %v", i, res)
		}
	}
	checkOvertaken(t, statistics)
	_, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1, 2}, LatestOnly: true})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "latest_only", "StreamPredict")
}

func TestOnlyTheLatestRequestIsRun(t *testing.T) {
	m, began, let := infertest.Held()
	service, r := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{StreamWindow: 2})
	stream, err := handlertest.Client(service).ModelStreamInfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		req := &inference.ModelInferRequest{
			ModelName: "m", Id: strconv.Itoa(i), Inputs: []*inference.ModelInferRequest_InferInputTensor{handlertest.Input("x", "FP32", 1, 2)},
			RawInputContents: [][]byte{make([]byte, 8)},
			Parameters:       handlertest.Parameters{"latest_only": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}}},
		}
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-began
		}
	}
	statistics := r.Snapshot().Models[0].Newest().Statistics
	waitOvertaken(t, statistics)
	close(let)
	for i := range frames {
		res, err := stream.Receive()
		if err != nil || res.GetInferResponse().GetId() != strconv.Itoa(i) || res.GetErrorMessage() != "" {
			t.Fatalf("%v, %v", res, err)
		}
		run := i == 0 || i == frames-1
		if dropped := res.GetInferResponse().GetParameters()["dropped"].GetBoolParam(); dropped == run || (len(res.GetInferResponse().GetOutputs()) == 1) != run {
			t.Errorf("request %d: %v", i, res)
		}
	}
	checkOvertaken(t, statistics)
}

// TestAStreamThatEndsLeavesNoFrameBehind ends a stream while a frame waits for its turn.
func TestAStreamThatEndsLeavesNoFrameBehind(t *testing.T) {
	m, began, let := infertest.Held()
	apis, r := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	client := handlertest.PredictorClient(apis.Predictor)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := client.StreamPredict(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := stream.Send(&modelserving.InferenceRequest{TensorData: []float32{1, 2}, LatestOnly: true}); err != nil {
			t.Fatal(err)
		}
	}
	<-began
	cancel()
	close(let)
	statistics := r.Snapshot().Models[0].Newest().Statistics
	for deadline := time.Now().Add(30 * time.Second); statistics.Sums().InFlight > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", statistics.Sums())
		}
	}
}

// TestAWaitForTheTurnIsOneInTheQueue lets a frame wait for half a minute while the one before
// it is run: it counts as a wait for the model, and against the frame's own timeout.
func TestAWaitForTheTurnIsOneInTheQueue(t *testing.T) {
	const wait = 30 * time.Second // less than the hang timeout
	inBubble := func(timeout time.Duration) func(t *testing.T) {
		return func(t *testing.T) {
			m, began, let := infertest.Held()
			service, r := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
			stream, err := handlertest.Client(service).ModelStreamInfer(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			frame := func(p handlertest.Parameters) {
				req := handlertest.VectorRequest("", 1, 2)
				req.Inputs[0].Shape, req.Parameters = []int64{1, 2}, p
				p["latest_only"] = handlertest.Bool(true)
				if err := stream.Send(req); err != nil {
					t.Fatal(err)
				}
			}
			frame(handlertest.Parameters{})
			<-began
			frame(handlertest.Parameters{"timeout": handlertest.Int64(timeout.Microseconds())})
			time.Sleep(wait)
			close(let)
			var failures []string
			for range 2 {
				res, err := stream.Receive()
				if err != nil {
					t.Fatal(err)
				}
				failures = append(failures, res.GetErrorMessage())
			}
			sums := r.Snapshot().Models[0].Newest().Statistics.Sums()
			if timeout != 0 {
				if !strings.Contains(failures[1], "timed out in the queue") || sums.NotRun[scheduler.ReasonTimeout] != 1 {
					t.Errorf("%q, %+v", failures, sums)
				}
				return
			}
			if failures[1] != "" || sums.Queue.Total != wait || sums.ComputeInput.Total != 0 {
				t.Errorf("%q, queue %+v, input %+v", failures, sums.Queue, sums.ComputeInput)
			}
			if err := stream.CloseSend(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, timeout := range []time.Duration{0, 10 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) { synctest.Test(t, inBubble(timeout)) })
	}
}
