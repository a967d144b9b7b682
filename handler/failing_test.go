package handler_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// conditions returns what each API says of whether a model is ready.
func conditions(t *testing.T, service *handler.Inference, predictor *handler.Predictor, rest http.Handler, model string) map[string]bool {
	t.Helper()
	said := map[string]bool{}
	ready, err := service.ModelReady(t.Context(), &inference.ModelReadyRequest{Name: model})
	if err != nil {
		t.Error(err)
	}
	said["ModelReady"] = ready.GetReady()
	index, err := service.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{})
	if err != nil {
		t.Error(err)
	}
	for _, m := range index.GetModels() {
		if m.GetName() == model {
			said["RepositoryIndex"] = m.GetState() == "READY"
			if !said["RepositoryIndex"] && !strings.Contains(m.GetReason(), "failing") {
				t.Errorf("the index gives the reason %q", m.GetReason())
			}
		}
	}
	got, err := predictor.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: model})
	if err != nil {
		t.Error(err)
	}
	said["GetModel"] = got.GetModel().GetState() == modelserving.ModelState_MODEL_STATE_READY
	list, err := predictor.ListModels(t.Context(), &modelserving.ListModelsRequest{})
	if err != nil {
		t.Error(err)
	}
	for _, m := range list.GetModels() {
		if m.GetName() == model {
			said["ListModels"] = m.GetState() == modelserving.ModelState_MODEL_STATE_READY
		}
	}
	a := ask(t, rest, http.MethodGet, "/v2/models/"+model+"/ready", nil)
	said["REST ready"] = a.status == http.StatusOK
	if a.status != http.StatusOK && (a.status != http.StatusServiceUnavailable || !strings.Contains(a.failure(t), "failing")) {
		t.Errorf("REST: %d %s", a.status, a.body)
	}
	return said
}

// TestAModelThatKeepsFailingIsUnavailableUntilItRecovers asks all APIs for the condition
// of a model whose engine fails, panics, answers wrongly or does not come back, and of
// another beside it.
func TestAModelThatKeepsFailingIsUnavailableUntilItRecovers(t *testing.T) {
	for name, fault := range map[string]func() (*engine.Result, error){
		"fails":         func() (*engine.Result, error) { return nil, errors.New("broken") },
		"panics":        func() (*engine.Result, error) { panic("broken") },
		"gives too few": func() (*engine.Result, error) { return &engine.Result{}, nil },
		"gives nothing": func() (*engine.Result, error) { return nil, nil },
		"does not return": func() (*engine.Result, error) {
			time.Sleep(10 * time.Hour)
			return nil, errors.New("broken")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				bad := echo(tensor.FP32, -1)
				bad.instances = 2
				bad.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
					if broken.Load() {
						return fault()
					}
					return &engine.Result{Outputs: inputs}, nil
				}
				service, models := newInference(t, map[string]*fakeModel{"bad": bad, "good": echo(tensor.FP32, -1)}, handler.InferenceOptions{})
				predictor := handler.NewPredictor(models, handler.PredictorOptions{})
				rest := handler.NewREST(service, predictor, handler.RESTOptions{})
				infer := func(model string) error {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					request := vectorRequest("", 1)
					request.ModelName = model
					_, err := service.ModelInfer(ctx, request)
					return err
				}
				all := func(model string, want bool) {
					t.Helper()
					said := conditions(t, service, predictor, rest, model)
					for api, ready := range said {
						if ready != want {
							t.Errorf("%s of %s says %v, want %v", api, model, ready, want)
						}
					}
					if len(said) != 5 {
						t.Errorf("%v", said)
					}
				}
				all("bad", true)
				broken.Store(true)
				for range 5 {
					if err := infer("bad"); err == nil {
						t.Error("no error")
					}
				}
				all("bad", false)
				if err := infer("bad"); connect.CodeOf(err) != connect.CodeUnavailable {
					t.Errorf("while it fails: %v", err)
				}
				all("good", true)
				if err := infer("good"); err != nil {
					t.Error(err)
				}
				broken.Store(false)
				time.Sleep(20 * time.Hour)
				if err := infer("bad"); err != nil {
					t.Errorf("after it has recovered: %v", err)
				}
				all("bad", true)
			})
		})
	}
}
