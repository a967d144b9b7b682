package handler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/color"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// takesPictures is a model of pictures of 2 x 2 pixels, whose outputs are constant.
func takesPictures(labels ...string) *fakeModel {
	scores, shape := tensor.AsBytes([]float32{1, 3, 2}), tensor.Shape{1, 3}
	return &fakeModel{
		inputs:  []engine.TensorSpec{{Name: "picture", DataType: tensor.FP32, Shape: tensor.Shape{1, 3, 2, 2}}},
		outputs: []engine.TensorSpec{{Name: "scores", DataType: tensor.FP32, Shape: shape}, {Name: "features", DataType: tensor.FP32, Shape: shape}},
		labels:  labels,
		run: func(context.Context, []tensor.Tensor) (*engine.Result, error) {
			return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: bytes.Clone(scores)}, {DataType: tensor.FP32, Shape: shape, Data: scores}}}, nil
		},
	}
}

func TestAnImageIsARequest(t *testing.T) {
	h, _ := newREST(t, map[string]*fakeModel{
		"labelled": takesPictures("cat", "dog", "eel: electric"), "plain": takesPictures(), "vector": echo(tensor.FP32, -1, 3), "two": two(),
	}, handler.InferenceOptions{}, handler.RESTOptions{MaxBodyBytes: 1 << 16})
	picture := encodePNG(t, 7, 5, func(int, int) color.Color { return color.White })
	bomb := bytes.Clone(picture)
	copy(bomb[16:24], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff})
	post := func(path, contentType string, body []byte, headers ...string) answer {
		return ask(t, h, http.MethodPost, "/v2/models/"+path, body, append(headers, "Content-Type", contentType)...)
	}
	post("labelled/infer", "image/png", picture).golden(t, "image")
	post("labelled/versions/1/infer?top_k=1", "image/png", picture).golden(t, "image best")
	post("plain/infer?top_k=1", "image/png", picture).golden(t, "image without labels")
	for name, a := range map[string]answer{
		"another kind of image": post("labelled/infer", "image/*", picture),
		"capitals":              post("labelled/infer", "Image/PNG; a=b", picture),
		"compressed":            post("labelled/infer", "image/png", compressed(t, "gzip", picture), "Content-Encoding", "gzip"),
	} {
		if a.status != http.StatusOK || !strings.Contains(string(a.body), "0.665241:1:dog") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for name, test := range map[string]struct {
		path   string
		body   []byte
		status int
		says   []string
	}{
		"no image":          {"labelled/infer", []byte("{}"), 400, []string{"image/png", "2 bytes", "PNG"}},
		"nothing":           {"labelled/infer", nil, 400, []string{"empty"}},
		"cut off":           {"labelled/infer", picture[:len(picture)-20], 400, []string{"body: "}},
		"too many pixels":   {"labelled/infer", bomb, 413, []string{"body: ", "--max-image-pixels"}},
		"too many bytes":    {"labelled/infer", make([]byte, 1<<17), 413, []string{"--max-message-bytes"}},
		"no classes":        {"labelled/infer?top_k=0", picture, 400, []string{"top_k", `"0"`}},
		"not a number":      {"labelled/infer?top_k=many", picture, 400, []string{"top_k", `"many"`}},
		"a model of values": {"vector/infer", picture, 400, []string{`"vector"`, "does not take an image"}},
		"a model of two":    {"two/infer", picture, 400, []string{`"two"`, "2 inputs"}},
		"an unknown model":  {"nobody/infer", picture, 404, []string{"Request for unknown model"}},
		"no version":        {"labelled/versions/x/infer", picture, 400, []string{"'x'"}},
	} {
		a := post(test.path, "image/png", test.body)
		failure := a.failure(t)
		for _, part := range test.says {
			if a.status != test.status || !strings.Contains(failure, part) || strings.Contains(failure, "raw_image") {
				t.Errorf("%s: %d %s, want %d and %q", name, a.status, failure, test.status, part)
			}
		}
	}
}

// The configuration may fix sizes that the model leaves open: an image is resized to
// them, and Predictor takes no others, too.
func TestAnImageHasTheConfiguredSize(t *testing.T) {
	var ran []tensor.Shape
	open := takesPictures("cat", "dog", "eel")
	answer := open.run
	open.inputs[0].Shape = tensor.Shape{tensor.Dynamic, 3, tensor.Dynamic, tensor.Dynamic}
	open.config = &inference.ModelConfig{MaxBatchSize: 8, Input: []*inference.ModelInput{{Name: "picture", Dims: []int64{3, 4, 6}}}}
	open.run = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		ran = append(ran, inputs[0].Shape.Clone())
		return answer(ctx, inputs)
	}
	picture := encodePNG(t, 7, 5, func(int, int) color.Color { return color.White })
	service, models := newInference(t, map[string]*fakeModel{"m": open}, handler.InferenceOptions{})
	predictor := handler.NewPredictor(models, handler.PredictorOptions{})
	h := handler.NewREST(service, predictor, handler.RESTOptions{})
	if a := ask(t, h, http.MethodPost, "/v2/models/m/infer", picture, "Content-Type", "image/png"); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := predictor.Predict(t.Context(), &modelserving.InferenceRequest{RawImage: picture}); err != nil {
		t.Error(err)
	}
	for _, shape := range ran {
		if !slices.Equal(shape, tensor.Shape{1, 3, 4, 6}) {
			t.Errorf("the model was run with %v", shape)
		}
	}
	if _, err := predictor.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: make([]float32, 3*5*6), Width: 6, Height: 5}); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "[-1, 3, 4, 6]") {
		t.Errorf("another size gives %v", err)
	}
	model, err := predictor.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: "m"})
	if err != nil || model.GetModel().GetImage().GetWidth() != 6 || model.GetModel().GetImage().GetHeight() != 4 || !slices.Equal(model.GetModel().GetInputs()[0].GetShape(), []int64{-1, 3, 4, 6}) {
		t.Errorf("%v, %v", model, err)
	}
}

// An image that is refused before it is decoded is not what is wrong.
func TestAnImageThatIsRefused(t *testing.T) {
	picture := encodePNG(t, 7, 5, func(int, int) color.Color { return color.White })
	fails := takesPictures()
	fails.run = func(context.Context, []tensor.Tensor) (*engine.Result, error) {
		return nil, errors.New("out of memory")
	}
	for name, test := range map[string]struct {
		model   *fakeModel
		options handler.InferenceOptions
		before  int // requests
		status  int
		says    string
	}{
		"a model that fails": {fails, handler.InferenceOptions{}, 5, http.StatusServiceUnavailable, "model is failing: "},
		"a late one":         {takesPictures(), handler.InferenceOptions{MaxDeadline: time.Nanosecond}, 0, http.StatusGatewayTimeout, "--max-deadline"},
	} {
		h, _ := newREST(t, map[string]*fakeModel{"m": test.model}, test.options, handler.RESTOptions{})
		for range test.before {
			ask(t, h, http.MethodPost, "/v2/models/m/infer", picture, "Content-Type", "image/png")
		}
		a := ask(t, h, http.MethodPost, "/v2/models/m/infer", picture[:len(picture)-20], "Content-Type", "image/png")
		if failure := a.failure(t); a.status != test.status || !strings.Contains(failure, test.says) || strings.Contains(failure, "body") {
			t.Errorf("%s: %d %s", name, a.status, failure)
		}
	}
}

// What curl sends by another of its options is told by what it is.
func TestWhatWasMeantToBeAnImage(t *testing.T) {
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, -1)}, handler.InferenceOptions{}, handler.RESTOptions{})
	picture, form := []byte("\x89PNG\r\n\x1a\n and more"), []byte("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n--b--\r\n")
	for _, test := range []struct {
		contentType, says string
		body              []byte
	}{
		{"application/x-www-form-urlencoded", "send it with Content-Type: image/png", picture},
		{"", "send it with Content-Type: image/png", picture},
		{"multipart/form-data; boundary=b", "forms are not taken", form},
	} {
		a := ask(t, h, http.MethodPost, "/v2/models/m/infer", test.body, "Content-Type", test.contentType)
		if failure := a.failure(t); a.status != http.StatusBadRequest || !strings.Contains(failure, test.says) {
			t.Errorf("%q: %d %s, want %q", test.contentType, a.status, failure, test.says)
		}
	}
}

// TestRESTRequestsShareNoMemory answers many requests at once, whose buffers go from
// one to the other.
func TestRESTRequestsShareNoMemory(t *testing.T) {
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.Int32, -1)}, handler.InferenceOptions{}, handler.RESTOptions{})
	var group sync.WaitGroup
	for caller := range 8 {
		group.Go(func() {
			for i := range 50 {
				n := 1 + (caller*37+i*91)%5000
				values := make([]int32, n)
				for j := range values {
					values[j] = int32(caller<<16 + i)
				}
				raw := tensor.AsBytes(values)
				for _, wanted := range []string{"", `"parameters":{"binary_data_output":true},`} {
					text := fmt.Sprintf(`{"id":"%d-%d",%s"inputs":[{"name":"x","datatype":"INT32","shape":[%d],"parameters":{"binary_data_size":%d}}]}`, caller, i, wanted, n, len(raw))
					a := infer(t, h, text, raw)
					answered, tensors := a.split(t)
					one := fmt.Sprint(values[0])
					if wanted != "" && !bytes.Equal(tensors, raw) || wanted == "" && !strings.HasSuffix(answered, "["+strings.TrimSuffix(strings.Repeat(one+",", n), ",")+"]}]}") || !strings.HasPrefix(answered, fmt.Sprintf(`{"id":"%d-%d"`, caller, i)) {
						t.Errorf("caller %d, request %d: %d %.200s", caller, i, a.status, answered)
						return
					}
				}
			}
		})
	}
	group.Wait()
}
