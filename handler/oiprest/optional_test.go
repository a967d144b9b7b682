package oiprest_test

import (
	"context"
	"errors"
	"image/color"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// withScale puts an optional input in front of a model's only one, which the model then
// multiplies by it.
func withScale(m *infertest.Model) *infertest.Model {
	scale := engine.TensorSpec{Name: "scale", DataType: tensor.FP32, Shape: tensor.Shape{1}, DimNames: []string{""}, Optional: true}
	m.Inputs = []engine.TensorSpec{scale, m.Inputs[0]}
	compute := m.Compute
	m.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		if len(inputs) != 2 {
			return nil, errors.New("the engine is given another number of inputs")
		}
		if compute != nil {
			return compute(ctx, inputs[1:])
		}
		out := inputs[1]
		if !engine.IsAbsent(inputs[0]) {
			factor, _ := tensor.View[float32](inputs[0].Data)
			values, _ := tensor.View[float32](slices.Clone(out.Data))
			for i := range values {
				values[i] *= factor[0]
			}
			out.Data = tensor.AsBytes(values)
		}
		return &engine.Result{Outputs: []tensor.Tensor{out}}, nil
	}
	return m
}

// A request may omit an optional input, in every form.
func TestOptionalInputs(t *testing.T) {
	batches := withScale(infertest.Echo(tensor.FP32, -1, 2))
	batches.Config = &inference.ModelConfig{MaxBatchSize: 2}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{
		"scaled": withScale(infertest.Echo(tensor.FP32, -1, 2)), "batches": batches, "labelled": withScale(infertest.Pictures("cat", "dog", "eel")),
	}, handlertest.Options{})
	const x, scale = `{"name":"x","datatype":"FP32","shape":[2,2],"data":[1,2,3,4]}`, `{"name":"scale","datatype":"FP32","shape":[1],"data":[10]}`
	for _, model := range []string{"scaled", "batches"} {
		for name, c := range map[string]struct {
			inputs string
			status int
			want   string
		}{
			"omitted":        {x, 200, `"data":[1,2,3,4]`},
			"given":          {x + "," + scale, 200, `"data":[10,20,30,40]`},
			"given first":    {scale + "," + x, 200, `"data":[10,20,30,40]`},
			"given twice":    {scale + "," + x + "," + scale, 400, `input \"scale\" is given twice`},
			"alone":          {scale, 400, `input \"x\" is missing: model \"` + model + `\" takes \"x\"`},
			"another rank":   {x + "," + strings.Replace(scale, "[1]", "[1,1]", 1), 400, `input \"scale\" has shape [1, 1]: the model takes [1]`},
			"another type":   {x + "," + strings.Replace(scale, "FP32", "INT64", 1), 400, `input \"scale\" has datatype INT64`},
			"unknown inputs": {x + "," + strings.Replace(scale, "scale", "factor", 1), 400, `it takes \"scale\", \"x\"`},
		} {
			a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+model+"/infer", []byte(`{"inputs":[`+c.inputs+`]}`))
			if a.Status != c.status || !strings.Contains(string(a.Body), c.want) {
				t.Errorf("%s, %s: %d %s", model, name, a.Status, a.Body)
			}
		}
	}
	raw := handlertest.Send(t, h, http.MethodPost, "/v2/models/scaled/infer", tensor.AsBytes([]float32{5, 6}), "Inference-Header-Content-Length", "0")
	if _, tensors := raw.Split(t); raw.Status != 200 || !slices.Equal(tensors, tensor.AsBytes([]float32{5, 6})) {
		t.Errorf("raw tensor: %d %s", raw.Status, raw.Body)
	}
	picture := infertest.PNG(t, 7, 5, func(int, int) color.Color { return color.White })
	image := handlertest.Send(t, h, http.MethodPost, "/v2/models/labelled/infer", picture, "Content-Type", "image/png")
	if image.Status != 200 || !strings.Contains(string(image.Body), ":dog") {
		t.Errorf("image: %d %s", image.Status, image.Body)
	}
	metadata := handlertest.Send(t, h, http.MethodGet, "/v2/models/scaled", nil)
	if !strings.Contains(string(metadata.Body), `{"name":"scale","datatype":"FP32","shape":[1]}`) {
		t.Errorf("metadata %s", metadata.Body)
	}
}
