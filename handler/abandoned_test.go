package handler_test

import (
	"bytes"
	"context"
	"image/color"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// TestMemoryThatAnEngineMayStillReadIsNotUsedAgain lets callers leave while the model
// runs on their tensors, which lie in the request's body, and has others send theirs.
func TestMemoryThatAnEngineMayStillReadIsNotUsedAgain(t *testing.T) {
	const size = 1000
	for name, ends := range map[string]struct {
		most  time.Duration
		leave bool
	}{"the caller leaves": {leave: true}, "the server's ceiling": {most: 20 * time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			began, let := make(chan []byte, 1), make(chan struct{})
			held := echo(tensor.Uint8, -1)
			held.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
				began <- inputs[0].Data
				<-let
				return &engine.Result{Outputs: inputs}, nil
			}
			defer close(let)
			h, _ := newREST(t, map[string]*fakeModel{"held": held, "m": echo(tensor.Uint8, -1)}, handler.InferenceOptions{MaxDeadline: ends.most}, handler.RESTOptions{})
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v2/models/held/infer", bytes.NewReader(bytes.Repeat([]byte("A"), size)))
			r.Header.Set("Inference-Header-Content-Length", "0")
			answered := make(chan int)
			go func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				answered <- w.Code
			}()
			reads := <-began
			if ends.leave {
				leave()
			}
			if status := <-answered; status == http.StatusOK {
				t.Fatal("it was answered")
			}
			for range 20 {
				ask(t, h, http.MethodPost, "/v2/models/m/infer", bytes.Repeat([]byte("B"), size), "Inference-Header-Content-Length", "0")
			}
			if string(reads) != strings.Repeat("A", size) {
				t.Errorf("the model reads another caller's tensor: %.20q", reads)
			}
		})
	}
}

// TestASlowModelHoldsUpNoImagesOfOthers keeps more callers waiting for a model of large
// images than images are decoded at once.
func TestASlowModelHoldsUpNoImagesOfOthers(t *testing.T) {
	large := func() *fakeModel {
		shape := tensor.Shape{1, 3, 512, 512}
		m := takesPictures()
		m.inputs[0].Shape = shape
		return m
	}
	callers := goruntime.GOMAXPROCS(0) + 2
	began, let := make(chan struct{}, callers), make(chan struct{})
	slow, quick := large(), large()
	answer := slow.run
	slow.run = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-let
		return answer(ctx, inputs)
	}
	_, models := newInference(t, map[string]*fakeModel{"slow": slow, "quick": quick}, handler.InferenceOptions{})
	predictor := handler.NewPredictor(models, handler.PredictorOptions{Logger: slog.New(slog.DiscardHandler)})
	picture := encodePNG(t, 4, 4, func(int, int) color.Color { return color.White })
	predict := func(model string) {
		if _, err := predictor.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: model, RawImage: slices.Clone(picture)}); err != nil {
			t.Error(err)
		}
	}
	var waiting sync.WaitGroup
	for range callers {
		waiting.Go(func() { predict("slow") })
	}
	for range callers {
		<-began
	}
	predict("quick")
	close(let)
	waiting.Wait()
}

// TestARegionMayGoWhileTheModelRuns unregisters and writes over a region of shared
// memory, and its object, when the caller that sent it has left.
func TestARegionMayGoWhileTheModelRuns(t *testing.T) {
	dir, object := t.TempDir(), bytes.Repeat([]byte("A"), 64)
	file := filepath.Join(dir, "o")
	if err := os.WriteFile(file, object, 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	began, let := make(chan []byte, 1), make(chan struct{})
	defer close(let)
	m := echo(tensor.Uint8, -1)
	m.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- inputs[0].Data
		<-let
		return &engine.Result{Outputs: inputs}, nil
	}
	service, _ := newInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{SharedMemory: regions})
	if _, err := service.SystemSharedMemoryRegister(t.Context(), &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "o", ByteSize: 64}); err != nil {
		t.Fatal(err)
	}
	in := input("x", "UINT8", 64)
	in.Parameters = parameters{"shared_memory_region": stringParam("r"), "shared_memory_byte_size": int64Param(64)}
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan error)
	go func() {
		_, err := service.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{in}})
		answered <- err
	}()
	reads := <-began
	leave()
	says(t, <-answered, connect.CodeCanceled)
	if _, err := service.SystemSharedMemoryUnregister(t.Context(), &inference.SystemSharedMemoryUnregisterRequest{}); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, make([]byte, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(reads, object) {
		t.Errorf("the model reads %q", reads)
	}
}

// TestAModelIsNotClosedUnderAnAbandonedCall ends a repository, which no request leases
// any more, while the engine still runs what a caller has left behind.
func TestAModelIsNotClosedUnderAnAbandonedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, closed atomic.Bool
		m := echo(tensor.FP32, -1)
		m.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
			running.Store(true)
			time.Sleep(time.Hour)
			if closed.Load() {
				t.Error("the model was closed while it ran")
			}
			running.Store(false)
			return &engine.Result{Outputs: inputs}, nil
		}
		m.closed = func() { closed.Store(true) }
		service, models := newInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err := service.ModelInfer(ctx, vectorRequest("", 1))
		says(t, err, connect.CodeDeadlineExceeded)
		if !running.Load() {
			t.Error("the call has ended already")
		}
		if err := models.Close(); err != nil {
			t.Error(err)
		}
		if running.Load() || !closed.Load() {
			t.Errorf("running %v, closed %v", running.Load(), closed.Load())
		}
	})
}

// TestAnImageThatWouldBeRefusedIsNotDecoded sends what cannot be decoded to a model that
// has no room: it is refused for want of room.
func TestAnImageThatWouldBeRefusedIsNotDecoded(t *testing.T) {
	began, let := make(chan struct{}, 10), make(chan struct{})
	m := takesPictures()
	m.instances, m.maxQueue = 1, 1
	scores := m.run
	m.run = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-let
		return scores(ctx, inputs)
	}
	h, models := newREST(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{}, handler.RESTOptions{})
	picture := encodePNG(t, 2, 2, func(int, int) color.Color { return color.White })
	var waiting sync.WaitGroup
	post := func(body []byte) answer {
		return ask(t, h, http.MethodPost, "/v2/models/m/infer", body, "Content-Type", "image/png")
	}
	for range 2 { // one runs, one waits
		waiting.Go(func() {
			if a := post(picture); a.status != http.StatusOK {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	<-began
	statistics := models.Snapshot().Models[0].Newest().Statistics
	for deadline := time.Now().Add(30 * time.Second); statistics.Sums().Waiting == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if a := post(picture[:40]); a.status != http.StatusServiceUnavailable || !strings.Contains(a.failure(t), "queue is full") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := statistics.Sums().NotRun[scheduler.ReasonQueueFull]; n != 1 {
		t.Errorf("%d are counted", n)
	}
	close(let)
	waiting.Wait()
	if a := post(picture[:40]); a.status != http.StatusBadRequest {
		t.Errorf("%d %s", a.status, a.body)
	}
}
