package handler_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// lockedBuffer is a buffer for the log of several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func onePixel(t *testing.T) []byte {
	t.Helper()
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

// The log names the model of a request that failed for a reason that clients do not see,
// also where the request names none.
func TestTheLogNamesTheModelOfAFailedRequest(t *testing.T) {
	fails := func(context.Context, []tensor.Tensor) (*engine.Result, error) { return nil, errors.New("broken") }
	vectors := func() *infertest.Model {
		m := infertest.Echo(tensor.FP32, -1)
		m.Compute = fails
		return m
	}
	pictures := func() *infertest.Model {
		m := infertest.Pictures()
		m.Compute = fails
		return m
	}
	for name, test := range map[string]struct {
		model *infertest.Model
		send  func(t *testing.T, apis *handlertest.APIs)
	}{
		"Predict, default model": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			_, _ = apis.Predictor.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1}})
		}},
		"Predict, named model": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			_, _ = apis.Predictor.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: "m", TensorData: []float32{1}})
		}},
		"FastPredict of an image": {pictures(), func(t *testing.T, apis *handlertest.APIs) {
			_, _ = apis.Predictor.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: onePixel(t)})
		}},
		"ModelInfer": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			_, _ = apis.OIP.ModelInfer(t.Context(), handlertest.VectorRequest("", 1))
		}},
		"StreamPredict, default model": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			stream := handlertest.OpenStream(t, handlertest.PredictorClient(apis.Predictor).StreamPredict)
			handlertest.Exchange(t, stream, &modelserving.InferenceRequest{TensorData: []float32{1}})
		}},
		"ModelStreamInfer": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			stream := handlertest.OpenStream(t, handlertest.Client(apis.OIP).ModelStreamInfer)
			handlertest.Exchange(t, stream, handlertest.VectorRequest("", 1))
		}},
		"REST infer": {vectors(), func(t *testing.T, apis *handlertest.APIs) {
			handlertest.Send(t, apis.REST, http.MethodPost, "/v2/models/m/infer", []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`))
		}},
		"REST image": {pictures(), func(t *testing.T, apis *handlertest.APIs) {
			handlertest.Send(t, apis.REST, http.MethodPost, "/v2/models/m/infer", onePixel(t), "Content-Type", "image/png")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &lockedBuffer{}
			apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": test.model}, handlertest.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
			test.send(t, apis)
			var line string
			for l := range strings.Lines(log.String()) {
				if strings.Contains(l, `msg="request failed"`) {
					line += l
				}
			}
			if strings.Count(line, "\n") != 1 || strings.Count(line, "model=m version=1 error=broken") != 1 || strings.Count(line, "model=") != 1 {
				t.Errorf("the log has\n%s", line)
			}
		})
	}
}
