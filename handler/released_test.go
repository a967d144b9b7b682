package handler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// The handler of a unary call lends its answer the outputs' memory, for the answer is
// written after it has returned.
func TestAUnaryAnswerIsLentItsOutputs(t *testing.T) {
	m, freed := infertest.Reusing()
	var lent []func()
	lend := func(_ context.Context, free func()) { lent = append(lent, free) }
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{Lend: lend})
	service, predictor := apis.OIP, apis.Predictor
	values := infertest.Ramp(3)
	for name, call := range map[string]func(model string) ([]byte, error){
		"ModelInfer": func(model string) ([]byte, error) {
			request := handlertest.VectorRequest("", values...)
			request.ModelName = model
			res, err := service.ModelInfer(t.Context(), request)
			return slices.Concat(res.GetRawOutputContents()...), err
		},
		"Predict": func(model string) ([]byte, error) {
			res, err := predictor.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: model, TensorData: values})
			return slices.Clone(tensor.AsBytes(res.GetPredictions())), err
		},
	} {
		lent = nil
		freed.Store(0)
		got, err := call("m")
		if err != nil || !bytes.Equal(got, tensor.AsBytes(values)) || freed.Load() != 0 || len(lent) != 1 {
			t.Fatalf("%s: %x, %v; %d lent, %d freed", name, got, err, len(lent), freed.Load())
		}
		lent[0]()
		lent[0]()
		if freed.Load() != 1 {
			t.Errorf("%s: the outputs are freed %d times", name, freed.Load())
		}
		if _, err := call("nobody"); err == nil || len(lent) != 1 {
			t.Errorf("%s: %v; %d lent", name, err, len(lent))
		}
	}
}

// Each answer of a stream is written before its outputs are released.
func TestStreamsReleaseOutputsThatHaveBeenSent(t *testing.T) {
	const requests = 30
	for protocol, options := range map[string][]connecthttp.Option{"Connect": nil, "gRPC": {connecthttp.WithGRPC()}} {
		m, freed := infertest.Reusing()
		url, h, _ := listen(t, map[string]*infertest.Model{"m": m})
		client := connect.NewClient(connecthttp.NewTransport(h, url, options...))
		infer, err := inferenceconnect.NewGRPCInferenceServiceClient(client).ModelStreamInfer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkStream(t, protocol+" ModelStreamInfer", requests, func(i int) error {
			return infer.Send(handlertest.VectorRequest("", vectorOf(i)...))
		}, infer.CloseSend, func() ([]byte, error) {
			res, err := infer.Receive()
			return slices.Concat(res.GetInferResponse().GetRawOutputContents()...), err
		})
		if err := infer.Close(); err != nil {
			t.Error(err)
		}
		predict, err := modelservingconnect.NewPredictorClient(client).StreamPredict(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkStream(t, protocol+" StreamPredict", requests, func(i int) error {
			return predict.Send(&modelserving.InferenceRequest{TensorData: vectorOf(i)})
		}, predict.CloseSend, func() ([]byte, error) {
			res, err := predict.Receive()
			return tensor.AsBytes(res.GetPredictions()), err
		})
		if err := predict.Close(); err != nil {
			t.Error(err)
		}
		if freed.Load() != 2*requests {
			t.Errorf("%s: %d results are freed of %d", protocol, freed.Load(), 2*requests)
		}
	}
}

// vectorOf returns 5,000 values that no other i gives.
func vectorOf(i int) []float32 {
	values := infertest.Ramp(5000)
	for at := range values {
		values[at] += float32(i * 10_000)
	}
	return values
}

// checkStream sends so many vectors, and receives them again to the stream's end.
func checkStream(t *testing.T, name string, requests int, send func(i int) error, end func() error, receive func() ([]byte, error)) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		for i := range requests {
			if err := send(i); err != nil {
				sent <- err
				return
			}
		}
		sent <- end()
	}()
	for i := range requests {
		if got, err := receive(); err != nil || !bytes.Equal(got, tensor.AsBytes(vectorOf(i))) {
			t.Errorf("%s: answer %d is %.16x, %v", name, i, got, err)
		}
	}
	if _, err := receive(); !errors.Is(err, io.EOF) {
		t.Errorf("%s ends with %v", name, err)
	}
	if err := <-sent; err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// gone is a caller that left before the answer's body.
type gone struct{ *httptest.ResponseRecorder }

func (gone) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestRESTReleasesOutputsThatHaveBeenWritten(t *testing.T) {
	m, freed := infertest.Reusing()
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	values := vectorOf(0)
	texts := strings.Trim(strings.ReplaceAll(fmt.Sprint(values), " ", ","), "[]")
	request := func(output string) string {
		return fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[%d],"data":[%s]}]%s}`, len(values), texts, output)
	}
	for name, test := range map[string]struct {
		output, accepts string
		after, gone     bool
	}{
		"numbers":                {},
		"after the JSON":         {output: `,"outputs":[{"name":"y","parameters":{"binary_data":true}}]`, after: true},
		"compressed":             {accepts: "gzip"},
		"classes":                {output: `,"outputs":[{"name":"y","parameters":{"classification":3}}]`},
		"numbers, nobody there":  {gone: true},
		"after it, nobody there": {output: `,"outputs":[{"name":"y","parameters":{"binary_data":true}}]`, gone: true},
	} {
		freed.Store(0)
		r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(request(test.output)))
		r.Header.Set("Accept-Encoding", test.accepts)
		recorder := httptest.NewRecorder()
		var w http.ResponseWriter = recorder
		if test.gone {
			w = gone{recorder}
		}
		h.ServeHTTP(w, r)
		if want := map[bool]int64{false: 1, true: 0}[test.gone]; freed.Load() != want || recorder.Code != http.StatusOK {
			t.Errorf("%s: status %d; the outputs are freed %d times, want %d", name, recorder.Code, freed.Load(), want)
		}
		if test.after && !bytes.HasSuffix(recorder.Body.Bytes(), tensor.AsBytes(values)) {
			t.Errorf("%s: the answer has other values", name)
		}
	}
}
