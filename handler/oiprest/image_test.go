package oiprest_test

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
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestAnImageIsARequest(t *testing.T) {
	audio := infertest.Echo(tensor.FP32, 1, 80, 3000)
	audio.ImageFiles = []vision.ConfigFile{{Name: vision.PreprocessorFile, Data: []byte(`{"sampling_rate": 16000}`)}}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{
		"audio": audio, "labelled": infertest.Pictures("cat", "dog", "eel: electric"), "plain": infertest.Pictures(), "vector": infertest.Echo(tensor.FP32, -1, 3), "two": infertest.Two(),
	}, handlertest.Options{MaxBodyBytes: 1 << 16})
	picture := infertest.PNG(t, 7, 5, func(int, int) color.Color { return color.White })
	bomb := bytes.Clone(picture)
	copy(bomb[16:24], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff})
	post := func(path, contentType string, body []byte, headers ...string) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/models/"+path, body, append(headers, "Content-Type", contentType)...)
	}
	post("labelled/infer", "image/png", picture).Golden(t, "image")
	post("labelled/versions/1/infer?top_k=1", "image/png", picture).Golden(t, "image best")
	post("plain/infer?top_k=1", "image/png", picture).Golden(t, "image without labels")
	for name, a := range map[string]handlertest.Answer{
		"another kind of image": post("labelled/infer", "image/*", picture),
		"capitals":              post("labelled/infer", "Image/PNG; a=b", picture),
		"compressed":            post("labelled/infer", "image/png", compressed(t, "gzip", picture), "Content-Encoding", "gzip"),
	} {
		if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "0.665241:1:dog") {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, test := range map[string]struct {
		path   string
		body   []byte
		status int
		says   []string
	}{
		"no image":          {"labelled/infer", []byte("{}"), 400, []string{"image/png", "2 bytes", "JSON"}},
		"a HEIC":            {"labelled/infer", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), 400, []string{"body: ", "a HEIC image", "convert it to JPEG"}},
		"base64":            {"labelled/infer", []byte("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptV"), 400, []string{"a png image in base64", "decode it"}},
		"a data: URL":       {"labelled/infer", []byte("data:image/png;base64,iVBORw0KGgo="), 400, []string{"a data: URL"}},
		"nothing":           {"labelled/infer", nil, 400, []string{"empty"}},
		"cut off":           {"labelled/infer", picture[:len(picture)-20], 400, []string{"body: "}},
		"too many pixels":   {"labelled/infer", bomb, 413, []string{"body: ", "(max-image-pixels)"}},
		"too many bytes":    {"labelled/infer", make([]byte, 1<<17), 413, []string{"(max-message-bytes)"}},
		"no classes":        {"labelled/infer?top_k=0", picture, 400, []string{"top_k", `"0"`}},
		"not a number":      {"labelled/infer?top_k=many", picture, 400, []string{"top_k", `"many"`}},
		"a model of values": {"vector/infer", picture, 400, []string{`"vector"`, "does not take an image"}},
		"a model of audio":  {"audio/infer", picture, 400, []string{`"audio"`, "does not take an image", "sampling_rate is 16000", "send it as JSON"}},
		"a model of two":    {"two/infer", picture, 400, []string{`"two"`, "2 inputs"}},
		"an unknown model":  {"nobody/infer", picture, 404, []string{"Request for unknown model"}},
		"no version":        {"labelled/versions/x/infer", picture, 400, []string{"'x'"}},
	} {
		a := post(test.path, "image/png", test.body)
		failure := a.Failure(t)
		for _, part := range test.says {
			if a.Status != test.status || !strings.Contains(failure, part) || strings.Contains(failure, "raw_image") {
				t.Errorf("%s: %d %s, want %d and %q", name, a.Status, failure, test.status, part)
			}
		}
	}
}

// The configuration may fix sizes that the model leaves open: an image is resized to
// them, and Predictor accepts no others either.
func TestAnImageHasTheConfiguredSize(t *testing.T) {
	var ran []tensor.Shape
	open := infertest.Pictures("cat", "dog", "eel")
	answer := open.Compute
	open.Inputs[0].Shape = tensor.Shape{tensor.Dynamic, 3, tensor.Dynamic, tensor.Dynamic}
	open.Config = &inference.ModelConfig{MaxBatchSize: 8, Input: []*inference.ModelInput{{Name: "picture", Dims: []int64{3, 4, 6}}}}
	open.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		ran = append(ran, inputs[0].Shape.Clone())
		return answer(ctx, inputs)
	}
	picture := infertest.PNG(t, 7, 5, func(int, int) color.Color { return color.White })
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": open}, handlertest.Options{})
	predictor, h := apis.Predictor, apis.REST
	if a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", picture, "Content-Type", "image/png"); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
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

// The error of a request that is refused before its image is decoded does not blame the
// image.
func TestAnImageThatIsRefused(t *testing.T) {
	picture := infertest.PNG(t, 7, 5, func(int, int) color.Color { return color.White })
	fails := infertest.Pictures()
	works, calls := fails.Compute, 0
	fails.Compute = func(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		if calls++; calls == 1 { // an input that is known to be good
			return works(ctx, inputs)
		}
		return nil, errors.New("out of memory")
	}
	for name, test := range map[string]struct {
		model   *infertest.Model
		options handlertest.Options
		before  int // requests
		status  int
		says    string
	}{
		"a model that fails": {fails, handlertest.Options{}, 6, http.StatusServiceUnavailable, "model is failing: "},
		"a late one":         {infertest.Pictures(), handlertest.Options{MaxDeadline: time.Nanosecond}, 0, http.StatusGatewayTimeout, "(max-deadline)"},
	} {
		h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": test.model}, test.options)
		for range test.before {
			handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", picture, "Content-Type", "image/png")
		}
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", picture[:len(picture)-20], "Content-Type", "image/png")
		if failure := a.Failure(t); a.Status != test.status || !strings.Contains(failure, test.says) || strings.Contains(failure, "body") {
			t.Errorf("%s: %d %s", name, a.Status, failure)
		}
	}
}

// A body that curl sends with another of its options is recognized.
func TestABodyThatLooksLikeAnImage(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	picture, form := []byte("\x89PNG\r\n\x1a\n and more"), []byte("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n--b--\r\n")
	for _, test := range []struct {
		contentType, says string
		body              []byte
	}{
		{"application/x-www-form-urlencoded", "send it with Content-Type: image/png", picture},
		{"", "send it with Content-Type: image/png", picture},
		{"multipart/form-data; boundary=b", "forms are not supported", form},
		{"", "a multipart form: send the image as the body itself", form},
		{"application/json", "a PDF document", []byte("%PDF-1.7\n")},
		{"application/json", "a HEIC image, which is not supported: convert it to JPEG, PNG or WebP", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/m/infer", test.body, "Content-Type", test.contentType)
		if failure := a.Failure(t); a.Status != http.StatusBadRequest || !strings.Contains(failure, test.says) {
			t.Errorf("%q: %d %s, want %q", test.contentType, a.Status, failure, test.says)
		}
	}
}

// TestRESTRequestsShareNoMemory answers many requests at once, whose buffers are reused.
func TestRESTRequestsShareNoMemory(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.Int32, -1)}, handlertest.Options{})
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
					a := handlertest.Infer(t, h, text, raw)
					answered, tensors := a.Split(t)
					one := fmt.Sprint(values[0])
					if wanted != "" && !bytes.Equal(tensors, raw) || wanted == "" && !strings.HasSuffix(answered, "["+strings.TrimSuffix(strings.Repeat(one+",", n), ",")+"]}]}") || !strings.HasPrefix(answered, fmt.Sprintf(`{"id":"%d-%d"`, caller, i)) {
						t.Errorf("caller %d, request %d: %d %.200s", caller, i, a.Status, answered)
						return
					}
				}
			}
		})
	}
	group.Wait()
}
