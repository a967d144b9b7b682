package handler_test

import (
	"bytes"
	"context"
	"image/color"
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
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// TestMemoryThatAnEngineMayStillReadIsNotReused lets callers leave while the model
// runs on their tensors, which alias the request's body, and has others send theirs.
func TestMemoryThatAnEngineMayStillReadIsNotReused(t *testing.T) {
	const size = 1000
	for name, ends := range map[string]struct {
		most  time.Duration
		leave bool
	}{"the caller leaves": {leave: true}, "the server's ceiling": {most: time.Second}} {
		t.Run(name, func(t *testing.T) {
			began, let := make(chan []byte, 1), make(chan struct{})
			held := infertest.Echo(tensor.Uint8, -1)
			held.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
				began <- inputs[0].Data
				<-let
				return &engine.Result{Outputs: inputs}, nil
			}
			defer close(let)
			h, _ := handlertest.REST(t, map[string]*infertest.Model{"held": held, "m": infertest.Echo(tensor.Uint8, -1)}, handlertest.Options{MaxDeadline: ends.most})
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
				handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", bytes.Repeat([]byte("B"), size), "Inference-Header-Content-Length", "0")
			}
			if string(reads) != strings.Repeat("A", size) {
				t.Errorf("the model reads another caller's tensor: %.20q", reads)
			}
		})
	}
}

// TestASlowModelDoesNotDelayImagesOfOthers keeps more callers waiting for a model of large
// images than images are decoded at once.
func TestASlowModelDoesNotDelayImagesOfOthers(t *testing.T) {
	large := func() *infertest.Model {
		shape := tensor.Shape{1, 3, 512, 512}
		m := infertest.Pictures()
		m.Inputs[0].Shape = shape
		return m
	}
	callers := goruntime.GOMAXPROCS(0) + 2
	began, let := make(chan struct{}, callers), make(chan struct{})
	slow, quick := large(), large()
	answer := slow.Compute
	slow.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-let
		return answer(ctx, inputs)
	}
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"slow": slow, "quick": quick}, handlertest.Options{})
	predictor := apis.Predictor
	picture := infertest.PNG(t, 4, 4, func(int, int) color.Color { return color.White })
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

// TestARegionMayBeUnregisteredDuringARun unregisters and writes over a region of shared
// memory, and its object, when the caller that sent it has left.
func TestARegionMayBeUnregisteredDuringARun(t *testing.T) {
	dir, object := t.TempDir(), bytes.Repeat([]byte("A"), 64)
	file := filepath.Join(dir, "o")
	if err := os.WriteFile(file, object, 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	began, let := make(chan []byte, 1), make(chan struct{})
	defer close(let)
	m := infertest.Echo(tensor.Uint8, -1)
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- inputs[0].Data
		<-let
		return &engine.Result{Outputs: inputs}, nil
	}
	service, _ := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{SharedMemory: regions})
	if _, err := service.SystemSharedMemoryRegister(t.Context(), &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "o", ByteSize: 64}); err != nil {
		t.Fatal(err)
	}
	in := handlertest.Input("x", "UINT8", 64)
	in.Parameters = handlertest.Parameters{"shared_memory_region": handlertest.String("r"), "shared_memory_byte_size": handlertest.Int64(64)}
	ctx, leave := context.WithCancel(t.Context())
	answered := make(chan error)
	go func() {
		_, err := service.ModelInfer(ctx, &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{in}})
		answered <- err
	}()
	reads := <-began
	leave()
	handlertest.WantError(t, <-answered, connect.CodeCanceled)
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
// any more, while the engine still runs the call of a caller that left.
func TestAModelIsNotClosedUnderAnAbandonedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, closed atomic.Bool
		m := infertest.Echo(tensor.FP32, -1)
		m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
			running.Store(true)
			time.Sleep(time.Hour)
			if closed.Load() {
				t.Error("the model was closed while it ran")
			}
			running.Store(false)
			return &engine.Result{Outputs: inputs}, nil
		}
		m.Closed = func() { closed.Store(true) }
		service, models := handlertest.OIP(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		_, err := service.ModelInfer(ctx, handlertest.VectorRequest("", 1))
		handlertest.WantError(t, err, connect.CodeDeadlineExceeded)
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
// has a full queue: the full queue refuses it.
func TestAnImageThatWouldBeRefusedIsNotDecoded(t *testing.T) {
	began, let := make(chan struct{}, 10), make(chan struct{})
	m := infertest.Pictures()
	m.Instances, m.MaxQueue = 1, 1
	scores := m.Compute
	m.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-let
		return scores(ctx, inputs)
	}
	h, models := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	picture := infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White })
	var waiting sync.WaitGroup
	post := func(body []byte) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", body, "Content-Type", "image/png")
	}
	for range 2 { // one runs, one waits
		waiting.Go(func() {
			if a := post(picture); a.Status != http.StatusOK {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	<-began
	statistics := models.Snapshot().Models[0].Newest().Statistics
	for deadline := time.Now().Add(30 * time.Second); statistics.Sums().Waiting == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if a := post(picture[:40]); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Failure(t), "queue is full") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if n := statistics.Sums().NotRun[scheduler.ReasonQueueFull]; n != 1 {
		t.Errorf("%d are counted", n)
	}
	close(let)
	waiting.Wait()
	if a := post(picture[:40]); a.Status != http.StatusBadRequest {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
