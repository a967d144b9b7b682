package handler_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// busyError is an overload error with a time to retry after.
type busyError struct{}

func (busyError) Error() string             { return "too many requests wait" }
func (busyError) RetryAfter() time.Duration { return 2500 * time.Millisecond }

// Every overload error has a time to retry after, over both protocols.
func TestOverloadErrorsHaveATimeToRetryAfter(t *testing.T) {
	const request = `{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1],"data":[1]}]}`
	for want, test := range map[string]struct {
		err  error
		text string
	}{
		"3": {fmt.Errorf("model m: %w", busyError{}), "model m: too many requests wait"},
		"1": {fmt.Errorf("%w: 7 requests wait", scheduler.ErrQueueFull), "queue is full: 7 requests wait"},
	} {
		m := infertest.Echo(tensor.FP32, -1)
		m.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) { return nil, test.err }
		models := map[string]*infertest.Model{"m": m}

		h, _ := handlertest.REST(t, models, handlertest.Options{})
		input := strings.ReplaceAll(request, "INPUT0", m.Inputs[0].Name)
		a := handlertest.Infer(t, h, input, nil)
		if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != want || !strings.Contains(string(a.Body), test.text) {
			t.Errorf("REST: %d %v %s", a.Status, a.Header, a.Body)
		}

		client := handlertest.OIPClient(t, models, handlertest.Options{})
		_, err := client.ModelInfer(t.Context(), &inference.ModelInferRequest{
			ModelName: "m",
			Inputs: []*inference.ModelInferRequest_InferInputTensor{{
				Name: m.Inputs[0].Name, Datatype: "FP32", Shape: []int64{1}, Contents: &inference.InferTensorContents{Fp32Contents: []float32{1}},
			}},
		})
		if wait, ok := overload.RetryAfter(err); connect.CodeOf(err) != connect.CodeUnavailable || !ok || fmt.Sprint(wait) != want+"s" || !strings.Contains(err.Error(), test.text) {
			t.Errorf("RPC: %v, wait %v", err, wait)
		}
	}
}

// The transport refuses a body that it has no memory for when it is read.
func TestRESTAnswersARefusedBody(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	for _, headers := range []http.Header{
		{},
		{"Content-Encoding": {"gzip"}},
		{"Content-Encoding": {"deflate"}},
		{"Content-Type": {"image/png"}},
		{"Inference-Header-Content-Length": {"0"}},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", &refusedBody{overload.Unavailable(time.Second, "no memory")})
		r.Header = headers
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || string(body) != `{"error":"no memory"}` {
			t.Errorf("%v: %d %v %s", headers, w.Code, w.Header(), body)
		}
	}
}

// refusedBody is a body that cannot be read.
type refusedBody struct{ err error }

func (b *refusedBody) Read([]byte) (int, error) { return 0, b.err }
