package oiprest_test

import (
	"fmt"
	"image/color"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestAnImageSelectsItsOutputs(t *testing.T) {
	listed := infertest.Pictures("cat", "dog", "eel")
	listed.Config = &inference.ModelConfig{Output: []*inference.ModelOutput{{Name: "features"}}}
	commas := infertest.Pictures("cat", "dog", "eel")
	commas.Outputs[1].Name = "a,b"
	h, _ := handlertest.REST(t, map[string]*infertest.Model{
		"m": infertest.Pictures("cat", "dog", "eel"), "listed": listed, "commas": commas,
	}, handlertest.Options{})
	picture := infertest.PNG(t, 7, 5, func(int, int) color.Color { return color.White })
	post := func(target string) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/"+target, picture, "Content-Type", "image/png")
	}
	for name, target := range map[string]string{
		"image outputs":          "m/infer?outputs=features,scores",
		"image repeated outputs": "m/infer?outputs=features&outputs=scores&binary_data_output=false",
		"image binary outputs":   "m/versions/1/infer?outputs=scores&binary_data_output=true",
		"image binary classes":   "m/infer?binary_data_output=true&top_k=1",
		"image listed output":    "listed/infer?top_k=1&key=secret",
	} {
		t.Run(name, func(t *testing.T) { post(target).Golden(t, name) })
	}
	for target, names := range map[string][]string{
		"m/infer?outputs=scores,%20features":           {"scores", "features"},
		"m/infer?outputs=scores&outputs=features":      {"scores", "features"},
		"commas/infer?outputs=a,b":                     {"a,b"},
		"commas/infer?outputs=a%2Cb&outputs=scores":    {"a,b", "scores"},
		"m/infer?output_format=json&utm_source=scores": {"scores"},
	} {
		a := post(target)
		var found []string
		for _, part := range strings.Split(string(a.Body), `{"name":"`)[1:] {
			name, _, _ := strings.Cut(part, `"`)
			found = append(found, name)
		}
		if a.Status != http.StatusOK || !slices.Equal(found, names) {
			t.Errorf("%s: %d %s", target, a.Status, a.Body)
		}
	}
	for query, says := range map[string][]string{
		"outputs=x":                              {`"x"`, `it has "scores", "features"`},
		"outputs=":                               {`""`, `it has "scores"`},
		"outputs=scores,scores":                  {`"scores"`, "twice"},
		"outputs=scores&top_k=2":                 {"top_k and outputs", "leave out one"},
		"outputs=" + strings.Repeat(",", 10_000): {`""`},
		"output=scores":                          {`"output"`, "use outputs"},
		"Outputs=scores":                         {`"Outputs"`, "use outputs"},
		"outputs[]=scores":                       {`"outputs[]"`, "use outputs"},
		"topk=3":                                 {`"topk"`, "use top_k"},
		"classification=3":                       {`"classification"`, "use top_k"},
		"binary-data-output=true":                {`"binary-data-output"`, "use binary_data_output"},
		"binary_data=true":                       {`"binary_data"`, "use binary_data_output"},
		"binary_data_output=yes":                 {`"yes"`, "true or false"},
		"binary_data_output=":                    {`""`, "true or false"},
		"top_k=1&top_k=2":                        {"top_k", "2 times"},
		"top_k=":                                 {`top_k is ""`},
		"outputs=scores;top_k=1":                 {"query", "&"},
		"outputs=%zz":                            {"query", "%zz"},
	} {
		a := post("m/infer?" + query)
		failure := a.Failure(t)
		for _, part := range says {
			if a.Status != http.StatusBadRequest || !strings.Contains(failure, part) {
				t.Errorf("%.60s: %d %s, want %q", query, a.Status, failure, part)
			}
		}
	}
}

// One raw tensor has the same query, and JSON has none.
func TestOtherBodiesAndTheQuery(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Outputs = append(m.Outputs, engine.TensorSpec{Name: "z", DataType: tensor.FP32, Shape: tensor.Shape{-1}})
	m.Compute = infertest.Constantly(slices.Repeat([]tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]float32{2})}}, 2)...)
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	raw := func(query string) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer"+query, make([]byte, 4), "Inference-Header-Content-Length", "0")
	}
	raw("?outputs=z").Golden(t, "raw output")
	raw("?binary_data_output=false").Golden(t, "raw numbers")
	if a := raw("?top_k=3"); a.Status != http.StatusBadRequest || !strings.Contains(a.Failure(t), "top_k is for a body that is an image") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	text := []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`)
	for query, status := range map[string]int{"outputs=z": 400, "top_k=1": 400, "binary_data_output=true": 400, "key=" + url.QueryEscape("a;b"): 200} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer?"+query, text)
		if name, _, _ := strings.Cut(query, "="); a.Status != status || status != 200 && !strings.Contains(a.Failure(t), "query parameter "+name) {
			t.Errorf("%s: %d %s", query, a.Status, a.Body)
		}
	}
}

// A classifier that returns a label first has the classes of its scores, and one without
// scores has the label.
func TestTheClassesOfAClassifierWithALabel(t *testing.T) {
	label := engine.TensorSpec{Name: "label", DataType: tensor.Bytes, Shape: tensor.Shape{-1}}
	outputs := []tensor.Tensor{
		{DataType: tensor.Bytes, Shape: tensor.Shape{1}, Data: handlertest.Elements("dog")},
		{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: tensor.AsBytes([]float32{0.25, 0.75})},
	}
	both, alone := infertest.Pictures(), infertest.Pictures()
	both.Outputs = []engine.TensorSpec{label, {Name: "probabilities", DataType: tensor.FP32, Shape: tensor.Shape{-1, 2}, Labels: []string{"cat", "dog"}}}
	both.Compute, alone.Compute = infertest.Constantly(outputs...), infertest.Constantly(outputs[0])
	alone.Outputs = []engine.TensorSpec{label}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"both": both, "alone": alone}, handlertest.Options{})
	picture := infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White })
	post := func(target string) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/"+target, picture, "Content-Type", "image/png")
	}
	post("both/infer").Golden(t, "image probabilities")
	post("both/infer?outputs=label").Golden(t, "image label")
	post("alone/infer").Golden(t, "image label alone")
	infer := func(output string) handlertest.Answer {
		text := fmt.Sprintf(`{"outputs":[{"name":%q,"parameters":{"classification":1}}],"inputs":[{"name":"picture","datatype":"FP32","shape":[1,3,2,2],"data":[0,0,0,0,0,0,0,0,0,0,0,0]}]}`, output)
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/both/infer", []byte(text))
	}
	if a := infer("probabilities"); !strings.Contains(string(a.Body), `"0.750000:1:dog"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := infer("label"); a.Status != http.StatusBadRequest || !strings.Contains(a.Failure(t), `output "probabilities"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}
