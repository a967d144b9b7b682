package predictor_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image/color"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

var runtime *onnx.Engine // opened by TestMain: a process has one

func TestMain(m *testing.M) {
	os.Exit(func() int {
		library, err := onnxtest.Library()
		if err == nil {
			runtime, err = onnx.Open(library, onnx.Options{})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

// model is a model of a test's repository.
type model struct {
	graph onnxtest.Graph
	files map[string]string
}

// serve returns a client of a Predictor over models, and stops it with the test.
func serve(t *testing.T, models map[string]model, options handlertest.Options) (modelservingconnect.PredictorClient, *infer.Repository) {
	t.Helper()
	dir := t.TempDir()
	for name, m := range models {
		m.graph.Write(t, filepath.Join(dir, name, "1", "model.onnx"))
		for file, content := range m.files {
			if err := os.WriteFile(filepath.Join(dir, name, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	log := slog.New(slog.DiscardHandler)
	r := repository.New(dir, enginetest.Registry(runtime), infer.RepositoryOptions{Compile: infer.Compile, Logger: log})
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return handlertest.PredictorClient(handlertest.New(r, options).Predictor), r
}

// The identity models of the tests, by what their input is.
var (
	nchw1  = model{graph: onnxtest.Unary("Identity", onnxtest.Float32, "batch", 1, 2, 2)}
	nchw3  = model{graph: onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3, 2, 2)}
	nhwc3  = model{graph: onnxtest.Unary("Identity", onnxtest.Float32, 1, 2, 2, 3)}
	anyHW  = model{graph: onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3, "height", "width")}
	pixels = model{graph: onnxtest.Unary("Identity", onnxtest.Uint8, 1, 2, 2, 3)}
	vector = model{graph: onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3)}
	ints   = model{graph: onnxtest.Unary("Identity", onnxtest.Int64, "batch", 3)}
	half   = model{graph: onnxtest.Unary("Identity", onnxtest.Float16, "batch", 3)}
)

func pair() model {
	g := onnxtest.Unary("Add", onnxtest.Float32, 1, 3)
	g.Nodes[0].Inputs = []string{"x", "z"}
	g.Inputs = append(g.Inputs, onnxtest.Value{Name: "z", Elem: onnxtest.Float32, Dims: []any{1, 3}})
	return model{graph: g}
}

func predict(t *testing.T, m model, req *modelserving.InferenceRequest) (*modelserving.InferenceResponse, error) {
	t.Helper()
	client, _ := serve(t, map[string]model{"m": m}, handlertest.Options{MaxImagePixels: 10_000})
	return client.Predict(t.Context(), req)
}

func floatBytes(values []float32) []byte { return slices.Clone(tensor.AsBytes(values)) }

func TestInputsAreReadAsDocumented(t *testing.T) {
	chw := infertest.Ramp(12)
	hwc := []float32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11} // the same array, channels last
	pixelBytes := []byte{0, 51, 102, 153, 204, 255, 0, 51, 102, 153, 204, 255}
	scaled := func(order []int) []float32 {
		out := make([]float32, len(order))
		for i, at := range order {
			out[i] = float32(pixelBytes[at]) / 255
		}
		return out
	}
	toCHW := []int{0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11}
	toHWC := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	quad := infertest.PNG(t, 2, 2, func(x, y int) color.Color {
		p := pixelBytes[(y*2+x)*3:]
		return color.RGBA{p[0], p[1], p[2], 255}
	})
	white := infertest.PNG(t, 10, 8, func(int, int) color.Color { return color.White })
	for name, test := range map[string]struct {
		model model
		req   *modelserving.InferenceRequest
		want  []float32
		shape []int64
	}{
		"tensor_data":                      {model: nchw3, req: &modelserving.InferenceRequest{TensorData: chw}, want: chw, shape: []int64{1, 3, 2, 2}},
		"tensor_data, sizes that agree":    {model: nchw3, req: &modelserving.InferenceRequest{TensorData: chw, Width: 2, Height: 2}, want: chw, shape: []int64{1, 3, 2, 2}},
		"tensor_data, a batch":             {model: nchw1, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(12)}, want: infertest.Ramp(12), shape: []int64{3, 1, 2, 2}},
		"tensor_data, sizes that fill":     {model: anyHW, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(18), Width: 3, Height: 2}, want: infertest.Ramp(18), shape: []int64{1, 3, 2, 3}},
		"tensor_data, one size fills both": {model: anyHW, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(18), Width: 3}, want: infertest.Ramp(18), shape: []int64{1, 3, 2, 3}},
		"tensor_data, a shape":             {model: anyHW, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(24), Shape: []int64{2, 3, 2, 2}}, want: infertest.Ramp(24), shape: []int64{2, 3, 2, 2}},
		"tensor_data for integers":         {model: ints, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(3)}, want: infertest.Ramp(3), shape: []int64{1, 3}},
		"tensor_data for halves":           {model: half, req: &modelserving.InferenceRequest{TensorData: infertest.Ramp(6)}, want: infertest.Ramp(6), shape: []int64{2, 3}},
		"float array into NCHW":            {model: nchw3, req: &modelserving.InferenceRequest{RawImage: floatBytes(hwc)}, want: chw, shape: []int64{1, 3, 2, 2}},
		"float array into NHWC":            {model: nhwc3, req: &modelserving.InferenceRequest{RawImage: floatBytes(hwc)}, want: hwc, shape: []int64{1, 2, 2, 3}},
		"float array in NCHW":              {model: nchw3, req: &modelserving.InferenceRequest{RawImage: floatBytes(chw), Layout: "NCHW"}, want: chw, shape: []int64{1, 3, 2, 2}},
		"float array in NCHW into NHWC":    {model: nhwc3, req: &modelserving.InferenceRequest{RawImage: floatBytes(chw), Layout: "NCHW"}, want: hwc, shape: []int64{1, 2, 2, 3}},
		"float array with a shape":         {model: anyHW, req: &modelserving.InferenceRequest{RawImage: floatBytes(hwc), Shape: []int64{1, 2, 2, 3}}, want: chw, shape: []int64{1, 3, 2, 2}},
		"float array with sizes":           {model: anyHW, req: &modelserving.InferenceRequest{RawImage: floatBytes(hwc), Width: 2, Height: 2}, want: chw, shape: []int64{1, 3, 2, 2}},
		"pixels into NCHW":                 {model: nchw3, req: &modelserving.InferenceRequest{RawImage: pixelBytes}, want: scaled(toCHW), shape: []int64{1, 3, 2, 2}},
		"pixels into NHWC":                 {model: nhwc3, req: &modelserving.InferenceRequest{RawImage: pixelBytes}, want: scaled(toHWC), shape: []int64{1, 2, 2, 3}},
		"pixels by datatype, numpy's name": {model: nhwc3, req: &modelserving.InferenceRequest{RawImage: pixelBytes, Datatype: "uint8"}, want: scaled(toHWC), shape: []int64{1, 2, 2, 3}},
		"pixels for a model of pixels":     {model: pixels, req: &modelserving.InferenceRequest{RawImage: pixelBytes}, want: []float32{0, 51, 102, 153, 204, 255, 0, 51, 102, 153, 204, 255}, shape: []int64{1, 2, 2, 3}},
		"grey pixels of another size":      {model: nchw1, req: &modelserving.InferenceRequest{RawImage: bytes.Repeat([]byte{255}, 12), Shape: []int64{4, 3}}, want: []float32{1, 1, 1, 1}, shape: []int64{1, 1, 2, 2}},
		"grey pixels, channels first":      {model: nchw1, req: &modelserving.InferenceRequest{RawImage: []byte{0, 51, 102, 255}, Shape: []int64{2, 2}, Datatype: "UINT8", Layout: "NCHW"}, want: []float32{0, 0.2, 0.4, 1}, shape: []int64{1, 1, 2, 2}},
		"encoded image, resized as asked":  {model: anyHW, req: &modelserving.InferenceRequest{RawImage: white, Width: 1, Height: 2}, want: []float32{1, 1, 1, 1, 1, 1}, shape: []int64{1, 3, 2, 1}},
		"encoded image, the model's size":  {model: nchw3, req: &modelserving.InferenceRequest{RawImage: white, Width: 2, Height: 2}, want: slices.Repeat([]float32{1}, 12), shape: []int64{1, 3, 2, 2}},
		"encoded image into NCHW":          {model: nchw3, req: &modelserving.InferenceRequest{RawImage: quad}, want: scaled(toCHW), shape: []int64{1, 3, 2, 2}},
		"encoded image into NHWC":          {model: nhwc3, req: &modelserving.InferenceRequest{RawImage: quad, ContentType: "image/png"}, want: scaled(toHWC), shape: []int64{1, 2, 2, 3}},
		"encoded image of its own size":    {model: anyHW, req: &modelserving.InferenceRequest{RawImage: quad, Width: 2, Height: 2}, want: scaled(toCHW), shape: []int64{1, 3, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := predict(t, test.model, test.req)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(res.GetPredictions(), test.want) || !slices.Equal(res.GetShape(), test.shape) {
				t.Errorf("predictions %v of %v\n want %v of %v", res.GetPredictions(), res.GetShape(), test.want, test.shape)
			}
		})
	}
}

func TestBadInputSaysWhatFits(t *testing.T) {
	good := infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White })
	bomb := infertest.PNG(t, 1, 1, func(int, int) color.Color { return color.White })
	copy(bomb[16:24], []byte{0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff})
	invalid := connect.CodeInvalidArgument
	for name, test := range map[string]struct {
		model model
		req   *modelserving.InferenceRequest
		code  connect.Code
		says  []string
	}{
		"neither":                     {nchw3, &modelserving.InferenceRequest{}, invalid, []string{"raw_image", "tensor_data"}},
		"both":                        {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), RawImage: good}, invalid, []string{"raw_image", "tensor_data", "one of them"}},
		"unknown model":               {nchw3, &modelserving.InferenceRequest{ModelName: "x", RawImage: good}, connect.CodeNotFound, []string{`"x"`, `"m"`}},
		"unknown version":             {nchw3, &modelserving.InferenceRequest{ModelVersion: "9", RawImage: good}, connect.CodeNotFound, []string{"version 9", "it has 1"}},
		"malformed version":           {nchw3, &modelserving.InferenceRequest{ModelVersion: "one", RawImage: good}, invalid, []string{"model_version"}},
		"too few values":              {nhwc3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(11)}, invalid, []string{"tensor_data has 11", "takes 12"}},
		"no whole batch":              {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(13)}, invalid, []string{"tensor_data has 13", "multiple of 12"}},
		"width that disagrees":        {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Width: 3}, invalid, []string{"width is 3", "takes 2"}},
		"height that disagrees":       {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Height: 5}, invalid, []string{"height is 5", "takes 2"}},
		"width where there is none":   {vector, &modelserving.InferenceRequest{TensorData: infertest.Ramp(3), Width: 3}, invalid, []string{"width is 3", "no width"}},
		"negative width":              {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Width: -3}, invalid, []string{"width is -3"}},
		"negative height":             {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Height: -1}, invalid, []string{"height is -1"}},
		"negative shape":              {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Shape: []int64{-1, 3, 2, 2}}, invalid, []string{"shape", "negative"}},
		"overflowing shape":           {anyHW, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Shape: []int64{1, 3, 1 << 62, 2}}, invalid, []string{"shape", "overflow"}},
		"shape that wraps":            {anyHW, &modelserving.InferenceRequest{TensorData: infertest.Ramp(5), Shape: []int64{1, 3, 6148914691236517207, 1}}, invalid, []string{"shape", "overflow"}},
		"sizes that overflow":         {anyHW, &modelserving.InferenceRequest{TensorData: infertest.Ramp(3), Width: math.MaxInt32, Height: math.MaxInt32}, invalid, []string{"shape", "overflow"}},
		"shape that disagrees":        {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Shape: []int64{1, 3, 4, 1}}, invalid, []string{"shape is [1, 3, 4, 1]", "[-1, 3, 2, 2]"}},
		"zero in the shape":           {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Shape: []int64{0, 3, 2, 2}}, invalid, []string{"takes 0"}},
		"sizes left open":             {anyHW, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12)}, invalid, []string{"width and height"}},
		"fraction for integers":       {ints, &modelserving.InferenceRequest{TensorData: []float32{0, 0.5, 1}}, invalid, []string{"tensor_data", "index 1", "INT64"}},
		"NaN for integers":            {ints, &modelserving.InferenceRequest{TensorData: []float32{0, 1, float32(math.NaN())}}, invalid, []string{"index 2"}},
		"datatype with tensor_data":   {nchw3, &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Datatype: "UINT8"}, invalid, []string{"datatype", "tensor_data"}},
		"negative top_k":              {nchw3, &modelserving.InferenceRequest{RawImage: good, TopK: -1}, invalid, []string{"top_k is -1"}},
		"image for a vector":          {vector, &modelserving.InferenceRequest{RawImage: good}, invalid, []string{"raw_image", "does not take an image", "tensor_data"}},
		"truncated image":             {nchw3, &modelserving.InferenceRequest{RawImage: good[:len(good)/2]}, invalid, []string{"raw_image"}},
		"HEIC image":                  {nchw3, &modelserving.InferenceRequest{RawImage: []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")}, invalid, []string{"raw_image: the 24 bytes are a HEIC image", "convert it to JPEG, PNG or WebP"}},
		"image in base64":             {nchw3, &modelserving.InferenceRequest{RawImage: []byte(base64.StdEncoding.EncodeToString(good))}, invalid, []string{"raw_image", "a png image in base64", "decode it"}},
		"corrupt image":               {nchw3, &modelserving.InferenceRequest{RawImage: append(bytes.Clone(good[:40]), bytes.Repeat([]byte{7}, 40)...)}, invalid, []string{"raw_image"}},
		"image with too many pixels":  {nchw3, &modelserving.InferenceRequest{RawImage: bomb}, connect.CodeResourceExhausted, []string{"raw_image", "65535 x 65535", "(max-image-pixels)"}},
		"bytes of no array":           {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 13)}, invalid, []string{"raw_image", "48 of FP32 or 12 of UINT8"}},
		"no image, though named so":   {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), ContentType: "image/png"}, invalid, []string{"content_type", "image/png"}},
		"image and array at once":     {nchw3, &modelserving.InferenceRequest{RawImage: good, ContentType: "image/png", Datatype: "UINT8"}, invalid, []string{"content_type", "datatype"}},
		"unknown datatype":            {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), Datatype: "UINT7"}, invalid, []string{`"UINT7"`}},
		"datatype of no image":        {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), Datatype: "INT64"}, invalid, []string{"datatype is INT64", "FP32", "UINT8"}},
		"unknown layout":              {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), Layout: "WHC"}, invalid, []string{`layout is "WHC"`}},
		"array of another datatype":   {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), Datatype: "FP32"}, invalid, []string{"12 bytes", "takes 48"}},
		"array of another size":       {nchw3, &modelserving.InferenceRequest{RawImage: floatBytes(infertest.Ramp(27)), Shape: []int64{3, 3, 3}}, invalid, []string{"height 3", "[-1, 3, 2, 2]"}},
		"array of a rank of no image": {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 12), Shape: []int64{12}}, invalid, []string{"shape is [12]"}},
		"two readings":                {anyHW, &modelserving.InferenceRequest{RawImage: make([]byte, 48), Width: 2}, invalid, []string{"two readings", "FP32 of 2 x 2 x 3", "UINT8 of 8 x 2 x 3"}},
		"array of any size":           {anyHW, &modelserving.InferenceRequest{RawImage: make([]byte, 48)}, invalid, []string{"shape", "width and height"}},
		"sizes over the limit":        {anyHW, &modelserving.InferenceRequest{RawImage: good, Width: 7000, Height: 7000}, connect.CodeResourceExhausted, []string{"7000 x 7000", "(max-image-pixels)"}},
		"width of no such model":      {nchw3, &modelserving.InferenceRequest{RawImage: good, Width: 3}, invalid, []string{"width is 3", "takes 2"}},
		"channels of another model":   {nchw1, &modelserving.InferenceRequest{RawImage: floatBytes(infertest.Ramp(12)), Shape: []int64{2, 2, 3}}, invalid, []string{"3 channels", "[-1, 1, 2, 2]"}},
		"shape of neither datatype":   {nchw3, &modelserving.InferenceRequest{RawImage: make([]byte, 13), Shape: []int64{2, 2, 3}}, invalid, []string{"13 bytes", "12 as UINT8", "FP32"}},
		"sizes past counting":         {anyHW, &modelserving.InferenceRequest{RawImage: make([]byte, 13), Width: math.MaxInt32, Height: math.MaxInt32}, invalid, []string{"raw_image", "overflow"}},
		"several inputs":              {pair(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(3)}, invalid, []string{"takes 2 inputs"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := predict(t, test.model, test.req)
			if connect.CodeOf(err) != test.code {
				t.Errorf("code %v, want %v: %v", connect.CodeOf(err), test.code, err)
			}
			for _, part := range test.says {
				if !strings.Contains(fmt.Sprint(err), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
}

func TestClassification(t *testing.T) {
	labels := map[string]string{"labels.txt": "a\nb\nc"}
	softmax := func(files map[string]string) model {
		return model{graph: onnxtest.Unary("Softmax", onnxtest.Float32, "batch", 3), files: files}
	}
	identity := func(files map[string]string) model { return model{graph: vector.graph, files: files} }
	e := math.Exp(1)
	probabilities := []float32{float32(1 / (2 + e)), float32(e / (2 + e)), float32(1 / (2 + e))}
	sigmoids := []float32{0.5, float32(e / (1 + e)), 0.5}
	logits := []float32{0, 1, 0}
	config := func(extra string) map[string]string {
		return map[string]string{"config.json": `{"id2label": {"0": "a", "1": "b", "2": "c"}` + extra + `}`}
	}
	for name, test := range map[string]struct {
		model      model
		want       []float32
		classifies bool
	}{
		"labels mean softmax":               {identity(labels), probabilities, true},
		"a graph's softmax is enough":       {softmax(labels), probabilities, true},
		"softmax without labels":            {softmax(nil), probabilities, true},
		"no labels, no softmax":             {identity(nil), logits, false},
		"id2label":                          {identity(config("")), probabilities, true},
		"multi-label":                       {identity(config(`, "problem_type": "multi_label_classification"`)), sigmoids, true},
		"regression":                        {identity(config(`, "problem_type": "regression"`)), logits, false},
		"configured none":                   {identity(config(`, "function_to_apply": "none"`)), logits, true},
		"configured sigmoid":                {identity(config(`, "function_to_apply": "sigmoid"`)), sigmoids, true},
		"single label, graph has softmax":   {softmax(config(`, "problem_type": "single_label_classification"`)), probabilities, true},
		"classes by configuration, unnamed": {identity(map[string]string{"config.json": `{"function_to_apply": "softmax"}`}), probabilities, true},
		"integers are no scores":            {model{graph: ints.graph, files: labels}, logits, false},
	} {
		t.Run(name, func(t *testing.T) {
			res, err := predict(t, test.model, &modelserving.InferenceRequest{TensorData: []float32{0, 1, 0}, TopK: 2})
			if err != nil {
				t.Fatal(err)
			}
			if !closeTo(res.GetPredictions(), test.want) || !closeTo([]float32{res.GetConfidence()}, test.want[1:2]) {
				t.Errorf("predictions %v, confidence %v, want %v", res.GetPredictions(), res.GetConfidence(), test.want)
			}
			if !test.classifies {
				if len(res.GetClassifications()) != 0 {
					t.Errorf("classifications %v", res.GetClassifications())
				}
				return
			}
			best := res.GetClassifications()
			if len(best) != 2 || best[0].GetIndex() != 1 || best[1].GetIndex() != 0 || best[0].GetScore() != res.GetConfidence() {
				t.Errorf("classifications %v", best)
			}
			if test.model.files["labels.txt"] != "" && best[0].GetLabel() != "b" {
				t.Errorf("label %q", best[0].GetLabel())
			}
		})
	}
}

func closeTo(got, want []float32) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-6 })
}

func TestClassificationOfHardScores(t *testing.T) {
	labels := map[string]string{"labels.txt": "a\nb\nc", "config.json": `{"function_to_apply": "none"}`}
	nan := float32(math.NaN())
	res, err := predict(t, model{graph: vector.graph, files: labels}, &modelserving.InferenceRequest{TensorData: []float32{nan, 7, 7}})
	if err != nil {
		t.Fatal(err)
	}
	var order []int32
	for _, c := range res.GetClassifications() {
		order = append(order, c.GetIndex())
	}
	if !slices.Equal(order, []int32{1, 2, 0}) || res.GetConfidence() != 7 {
		t.Errorf("order %v, confidence %v: NaN comes last, equal scores by class", order, res.GetConfidence())
	}
	res, err = predict(t, model{graph: vector.graph, files: map[string]string{"labels.txt": "a\nb\nc"}}, &modelserving.InferenceRequest{TensorData: []float32{1000, 0, -1000}})
	if err != nil || res.GetConfidence() != 1 {
		t.Errorf("softmax of large logits: %v, %v", res, err)
	}
}

func TestSoftmaxOfInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, test := range []struct{ logits, want []float32 }{
		{[]float32{inf, 1, inf}, []float32{0.5, 0, 0.5}},
		{[]float32{-inf, -inf, 0}, []float32{0, 0, 1}},
		{[]float32{-inf, -inf, -inf}, []float32{1.0 / 3, 1.0 / 3, 1.0 / 3}},
	} {
		res, err := predict(t, model{graph: vector.graph, files: map[string]string{"labels.txt": "a\nb\nc"}}, &modelserving.InferenceRequest{TensorData: test.logits})
		if err != nil || !closeTo(res.GetPredictions(), test.want) {
			t.Errorf("%v: %v, %v", test.logits, res.GetPredictions(), err)
		}
	}
}

func TestScoresWithDimensionsOfOneAroundThem(t *testing.T) {
	for _, dims := range [][]any{{1, 1, 3}, {1, 3, 1, 1}, {3}} {
		m := model{graph: onnxtest.Unary("Identity", onnxtest.Float32, dims...), files: map[string]string{"labels.txt": "a\nb\nc"}}
		res, err := predict(t, m, &modelserving.InferenceRequest{TensorData: []float32{0, 1, 0}})
		if err != nil || len(res.GetClassifications()) != 3 || res.GetClassifications()[0].GetLabel() != "b" || res.GetConfidence() >= 1 {
			t.Errorf("%v: %v, %v", dims, res, err)
		}
	}
}

// One sigmoid for two labels is how binary classifiers are exported.
func TestBinaryClassifierServes(t *testing.T) {
	m := model{graph: onnxtest.Unary("Sigmoid", onnxtest.Float32, "batch", 1), files: map[string]string{"labels.txt": "no\nyes"}}
	res, err := predict(t, m, &modelserving.InferenceRequest{TensorData: []float32{0}})
	if err != nil || res.GetConfidence() != 0.5 || len(res.GetClassifications()) != 0 {
		t.Errorf("%v, %v", res, err)
	}
}

// A small input can ask for a huge output, and Go ends the process when it cannot
// get memory.
func TestHugeOutputIsRefused(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.Float32, "n", 1)
	g.Nodes = []onnxtest.Node{
		{Op: "Transpose", Inputs: []string{"x"}, Outputs: []string{"t"}},
		{Op: "MatMul", Inputs: []string{"x", "t"}, Outputs: []string{"y"}},
	}
	g.Outputs[0].Dims = []any{"n", "n"}
	_, err := predict(t, model{graph: g}, &modelserving.InferenceRequest{TensorData: make([]float32, 2_000_000)})
	if connect.CodeOf(err) != connect.CodeResourceExhausted || !strings.Contains(fmt.Sprint(err), `"y"`) {
		t.Errorf("error %v", err)
	}
}

func TestEachRowOfABatchIsNormalised(t *testing.T) {
	res, err := predict(t, model{graph: vector.graph, files: map[string]string{"labels.txt": "a\nb\nc"}}, &modelserving.InferenceRequest{TensorData: []float32{0, 0, 0, 9, 9, 9}})
	if err != nil {
		t.Fatal(err)
	}
	third := float32(1) / 3
	if !closeTo(res.GetPredictions(), []float32{third, third, third, third, third, third}) || len(res.GetClassifications()) != 0 {
		t.Errorf("answer %v", res)
	}
}

func TestFilesThatContradictTheModelLeaveItsTensors(t *testing.T) {
	for name, test := range map[string]struct {
		model  model
		values int
		reason []string // of images
	}{
		"labels":       {model{graph: vector.graph, files: map[string]string{"labels.txt": "a\nb"}}, 3, nil},
		"config.json":  {model{graph: vector.graph, files: map[string]string{"config.json": `{"id2label": {"0": "a",`}}, 3, nil},
		"image size":   {model{graph: nchw3.graph, files: map[string]string{"preprocessor_config.json": `{"do_resize": true, "size": {"height": 224, "width": 224}}`}}, 12, []string{"224", "2 x 2"}},
		"preprocessor": {model{graph: nchw3.graph, files: map[string]string{"preprocessor_config.json": `{"size": "big"}`}}, 12, []string{"preprocessor_config.json", "size"}},
		"audio":        {model{graph: vector.graph, files: map[string]string{"preprocessor_config.json": `{"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000}`}}, 3, []string{"preprocessor_config.json", "audio"}},
	} {
		client, r := serve(t, map[string]model{"m": test.model}, handlertest.Options{})
		res, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: "m"})
		if err != nil {
			t.Fatal(err)
		}
		m := res.GetModel()
		if warnings := r.Snapshot().Models[0].Versions[0].Warnings(); len(warnings) != 1 || !slices.Equal(m.GetWarnings(), warnings) {
			t.Errorf("%s: GetModel has warnings %q, and the version %q, want one", name, m.GetWarnings(), warnings)
		}
		if m.GetState() != modelserving.ModelState_MODEL_STATE_READY || m.GetImage() != nil || len(m.GetLabels()) != 0 || (m.GetImageReason() == "") != (test.reason == nil) {
			t.Errorf("%s: %v", name, m)
		}
		if _, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(test.values)}); err != nil {
			t.Errorf("%s: tensors: %v", name, err)
		}
		_, err = client.Predict(t.Context(), &modelserving.InferenceRequest{RawImage: infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White })})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: an image: %v", name, err)
		}
		for _, part := range test.reason {
			if !strings.Contains(m.GetImageReason(), part) || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in the reason %q and the error %v", name, part, m.GetImageReason(), err)
			}
		}
	}
}

// Labels that are not of the output give no softmax: it is no output of scores.
func TestAnEmbeddingIsNotAClassifier(t *testing.T) {
	config := map[string]string{"config.json": `{"id2label": {"0": "cat", "1": "dog", "2": "cow", "3": "pig"}, "problem_type": "single_label_classification"}`}
	res, err := predict(t, model{graph: vector.graph, files: config}, &modelserving.InferenceRequest{TensorData: []float32{1, 2, 3}})
	if err != nil || !slices.Equal(res.GetPredictions(), []float32{1, 2, 3}) || len(res.GetClassifications()) != 0 {
		t.Errorf("%v, %v", res, err)
	}
}

// A detector of DETR has a class for no object behind those with a label.
func TestADetectorHasAClassWithoutALabel(t *testing.T) {
	m := model{graph: onnxtest.Unary("Identity", onnxtest.Float32, 1, 2, 3), files: map[string]string{"config.json": `{"id2label": {"0": "cat", "1": "dog"}}`}}
	client, _ := serve(t, map[string]model{"m": m}, handlertest.Options{})
	res, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{0, 0, 0, 5, 5, 5}})
	if third := float32(1) / 3; err != nil || !closeTo(res.GetPredictions(), []float32{third, third, third, third, third, third}) {
		t.Errorf("%v, %v", res, err)
	}
	described, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{})
	if err != nil || !slices.Equal(described.GetModel().GetLabels(), []string{"cat", "dog", ""}) {
		t.Errorf("%v, %v", described, err)
	}
}

func TestAnswerNamesModelVersionAndID(t *testing.T) {
	res, err := predict(t, vector, &modelserving.InferenceRequest{TensorData: infertest.Ramp(3), Id: "seven"})
	if err != nil {
		t.Fatal(err)
	}
	if res.GetModelName() != "m" || res.GetModelVersion() != "1" || res.GetId() != "seven" || res.GetTimings() == nil {
		t.Errorf("answer %v", res)
	}
}

func TestListAndGetModels(t *testing.T) {
	client, _ := serve(t, map[string]model{
		"image": {graph: nchw3.graph},
		"named": {graph: vector.graph, files: map[string]string{"labels.txt": "a\nb\nc"}},
		"bad":   {graph: vector.graph, files: map[string]string{"config.pbtxt": `input { name: "z" data_type: TYPE_FP32 dims: [3] }`}},
	}, handlertest.Options{})
	list, err := client.ListModels(t.Context(), &modelserving.ListModelsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if list.GetDefaultModel() != "" || len(list.GetModels()) != 3 {
		t.Fatalf("list %v", list)
	}
	bad, picture, named := list.GetModels()[0], list.GetModels()[1], list.GetModels()[2]
	if bad.GetState() != modelserving.ModelState_MODEL_STATE_UNAVAILABLE || !strings.Contains(bad.GetReason(), "config.pbtxt") || bad.GetVersions()[0].GetReason() != bad.GetReason() {
		t.Errorf("bad is %v", bad)
	}
	if picture.GetImage().GetWidth() != 2 || picture.GetImage().GetChannels() != 3 || picture.GetImage().GetLayout() != "NCHW" || picture.GetState() != modelserving.ModelState_MODEL_STATE_READY {
		t.Errorf("image is %v", picture)
	}
	if !slices.Equal(named.GetLabels(), []string{"a", "b", "c"}) || named.GetImage() != nil || !slices.Equal(named.GetInputs()[0].GetShape(), []int64{-1, 3}) || named.GetInputs()[0].GetDatatype() != "FP32" {
		t.Errorf("named is %v", named)
	}
	got, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: "named", ModelVersion: "1"})
	if err != nil || got.GetModel().GetVersion() != "1" || len(got.GetModel().GetOutputs()) != 1 {
		t.Errorf("model %v, %v", got, err)
	}
	for version, code := range map[string]connect.Code{"2": connect.CodeNotFound, "x": connect.CodeInvalidArgument} {
		if _, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: "named", ModelVersion: version}); connect.CodeOf(err) != code {
			t.Errorf("version %s: %v", version, err)
		}
	}
}

func TestPredictorCountsInTheStatistics(t *testing.T) {
	client, r := serve(t, map[string]model{"m": vector}, handlertest.Options{})
	for i := range 3 {
		req := &modelserving.InferenceRequest{TensorData: make([]float32, 3*(i+1))}
		if i == 2 {
			req.TensorData = req.GetTensorData()[1:]
		}
		if _, err := client.Predict(t.Context(), req); (err != nil) != (i == 2) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	sums := r.Snapshot().Models[0].Newest().Statistics.Sums()
	if sums.Success.Count != 2 || sums.Fail.Count != 1 || sums.Inferences != 2 || sums.InFlight != 0 {
		t.Errorf("%+v", sums)
	}
}
