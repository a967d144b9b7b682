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
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// conditions returns for each API whether it reports a model as ready.
func conditions(t *testing.T, apis *handlertest.APIs, model string) map[string]bool {
	t.Helper()
	said := map[string]bool{}
	ready, err := apis.OIP.ModelReady(t.Context(), &inference.ModelReadyRequest{Name: model})
	if err != nil {
		t.Error(err)
	}
	said["ModelReady"] = ready.GetReady()
	index, err := apis.OIP.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{})
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
	got, err := apis.Predictor.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: model})
	if err != nil {
		t.Error(err)
	}
	said["GetModel"] = got.GetModel().GetState() == modelserving.ModelState_MODEL_STATE_READY
	list, err := apis.Predictor.ListModels(t.Context(), &modelserving.ListModelsRequest{})
	if err != nil {
		t.Error(err)
	}
	for _, m := range list.GetModels() {
		if m.GetName() == model {
			said["ListModels"] = m.GetState() == modelserving.ModelState_MODEL_STATE_READY
		}
	}
	a := handlertest.Send(t, apis.REST, http.MethodGet, "/v2/models/"+model+"/ready", nil)
	said["REST ready"] = a.Status == http.StatusOK
	if a.Status != http.StatusOK && (a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Failure(t), "failing")) {
		t.Errorf("REST: %d %s", a.Status, a.Body)
	}
	return said
}

// TestAModelThatKeepsFailingIsUnavailableUntilItRecovers asks all APIs for the condition
// of a model whose engine fails, panics, returns a wrong result or does not return, and
// of another model.
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
				bad := infertest.Echo(tensor.FP32, -1)
				bad.Instances = 2
				bad.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
					if broken.Load() {
						return fault()
					}
					return &engine.Result{Outputs: inputs}, nil
				}
				apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"bad": bad, "good": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
				infer := func(model string) error {
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					request := handlertest.VectorRequest("", 1)
					request.ModelName = model
					_, err := apis.OIP.ModelInfer(ctx, request)
					return err
				}
				all := func(model string, want bool) {
					t.Helper()
					said := conditions(t, apis, model)
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
