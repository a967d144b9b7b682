package oiprest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// photo has the values of a photo of 224 x 224 pixels, normalised as models take it.
func photo() []float32 {
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, 3*224*224)
	for i := range values {
		values[i] = (float32(random.IntN(256))/255 - 0.449) / 0.226
	}
	return values
}

// discard is a ResponseWriter without a reader.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkREST is a whole request through the handler, to a model that takes no time:
// a photo as JSON and as bytes in, and its classes or itself out. The row of
// encoding/json is what reading the same text into a struct takes alone.
func BenchmarkREST(b *testing.B) {
	values := photo()
	list, err := json.Marshal(values)
	if err != nil {
		b.Fatal(err)
	}
	shape := tensor.Shape{1, 3, 224, 224}
	classes := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 1000}, Data: tensor.AsBytes(values[:1000])}
	fixed := func(out tensor.Tensor) *infertest.Model {
		m := infertest.Echo(tensor.FP32, shape...)
		m.Outputs[0].Shape = out.Shape
		m.Compute = func(context.Context, []tensor.Tensor) (*engine.Result, error) {
			return &engine.Result{Outputs: []tensor.Tensor{out}}, nil
		}
		return m
	}
	h, _ := handlertest.REST(b, map[string]*infertest.Model{
		"classes": fixed(classes),
		"itself":  fixed(tensor.Tensor{DataType: tensor.FP32, Shape: shape, Data: tensor.AsBytes(values)}),
	}, handlertest.Options{})

	asJSON := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3,224,224],"data":` + string(list) + `}]}`
	asBytes := fmt.Sprintf(`{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","datatype":"FP32","shape":[1,3,224,224],"parameters":{"binary_data_size":%d}}]}`, 4*len(values))
	for _, row := range []struct {
		name, model, text string
		tensors           []byte
		headers           []string
	}{
		{"json to classes", "classes", asJSON, nil, nil},
		{"bytes to classes", "classes", asBytes, tensor.AsBytes(values), nil},
		{"bytes to bytes", "itself", asBytes, tensor.AsBytes(values), nil},
		{"bytes to gzip", "itself", asBytes, tensor.AsBytes(values), []string{"Accept-Encoding", "gzip"}},
		{"json to json", "itself", asJSON, nil, nil},
	} {
		b.Run(row.name, func(b *testing.B) {
			body := append([]byte(row.text), row.tensors...)
			r := httptest.NewRequest(http.MethodPost, "/v2/models/"+row.model+"/infer", nil)
			r.ContentLength = int64(len(body))
			if row.tensors != nil {
				r.Header.Set("Inference-Header-Content-Length", fmt.Sprint(len(row.text)))
			}
			for i := 0; i < len(row.headers); i += 2 {
				r.Header.Set(row.headers[i], row.headers[i+1])
			}
			reader := bytes.NewReader(body)
			w := discard{http.Header{}}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				reader.Reset(body)
				r.Body = bodyOf{reader}
				clear(w.header)
				h.ServeHTTP(w, r)
				if w.header.Get("Vary") == "" {
					b.Fatal("the request failed")
				}
			}
		})
	}
	b.Run("encoding-json", func(b *testing.B) {
		var request struct {
			Inputs []struct {
				Name, Datatype string
				Shape          []int64
				Data           []float32
			}
		}
		b.SetBytes(int64(len(asJSON)))
		b.ReportAllocs()
		for b.Loop() {
			request.Inputs = nil
			if err := json.Unmarshal([]byte(asJSON), &request); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// bodyOf is a request's body.
type bodyOf struct{ *bytes.Reader }

func (bodyOf) Close() error { return nil }
