package handler_test

import (
	"bytes"
	"context"
	"image/color"
	"log/slog"
	"net/http"
	"net/http/httptest"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
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
