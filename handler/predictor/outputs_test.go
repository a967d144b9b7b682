package predictor_test

import (
	"bytes"
	"errors"
	"image/color"
	"io"
	"slices"
	"strconv"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

var detector = model{graph: onnxtest.Detector(2)}

// The outputs of detector for its values from 0 up.
var (
	boxes  = &modelserving.OutputTensor{Name: "boxes", Datatype: "FP32", Shape: []int64{3, 4}, Data: tensor.AsBytes(infertest.Ramp(12))}
	scores = &modelserving.OutputTensor{Name: "scores", Datatype: "FP32", Shape: []int64{3}, Data: tensor.AsBytes([]float32{3, 7, 11})}
	places = &modelserving.OutputTensor{Name: "labels", Datatype: "INT64", Shape: []int64{3}, Data: tensor.AsBytes([]int64{3, 3, 3})}
)

func sameOutputs(got, want []*modelserving.OutputTensor) bool {
	return slices.EqualFunc(got, want, func(a, b *modelserving.OutputTensor) bool {
		return a.GetName() == b.GetName() && a.GetDatatype() == b.GetDatatype() && slices.Equal(a.GetShape(), b.GetShape()) && bytes.Equal(a.GetData(), b.GetData())
	})
}

func TestOutputsAreReturnedByName(t *testing.T) {
	client, _ := serve(t, map[string]model{"m": detector}, handlertest.Options{})
	for name, test := range map[string]struct {
		outputs     []string
		want        []*modelserving.OutputTensor
		predictions int
	}{
		"none":                     {nil, nil, 12},
		"all, in another order":    {[]string{"labels", "boxes", "scores"}, []*modelserving.OutputTensor{places, boxes, scores}, 12},
		"without the score output": {[]string{"scores", "labels"}, []*modelserving.OutputTensor{scores, places}, 0},
	} {
		predicted, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Outputs: test.outputs})
		if err != nil {
			t.Fatal(name, err)
		}
		fast, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: tensor.AsBytes(infertest.Ramp(12)), Layout: "NCHW", Outputs: test.outputs})
		if err != nil {
			t.Fatal(name, err)
		}
		for rpc, res := range map[string]*modelserving.InferenceResponse{"Predict": predicted, "FastPredict": fast} {
			if !sameOutputs(res.GetOutputs(), test.want) || len(res.GetPredictions()) != test.predictions || (len(res.GetShape()) > 0) != (test.predictions > 0) || (res.GetConfidence() != 0) != (test.predictions > 0) {
				t.Errorf("%s, %s: %v", name, rpc, res)
			}
		}
	}
	for _, test := range []struct{ outputs, says []string }{
		{[]string{"boxes", "x"}, []string{`"x"`, `"boxes", "scores", "labels"`}},
		{[]string{""}, []string{`""`, `"boxes"`}},
		{[]string{"boxes", "boxes"}, []string{`"boxes"`, "twice"}},
	} {
		_, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Outputs: test.outputs})
		handlertest.WantError(t, err, connect.CodeInvalidArgument, test.says...)
		_, err = client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: infertest.PNG(t, 2, 2, func(int, int) color.Color { return color.White }), Outputs: test.outputs})
		handlertest.WantError(t, err, connect.CodeInvalidArgument, test.says...)
	}
}

func TestAStreamReturnsTheOutputsOfEachFrame(t *testing.T) {
	client, _ := serve(t, map[string]model{"m": detector}, handlertest.Options{StreamWindow: 3})
	stream := handlertest.OpenStream(t, client.StreamPredict)
	frames := [][]string{{"scores"}, {"x"}, nil, {"labels", "boxes"}}
	handlertest.SendAll(t, stream, len(frames), func(i int) *modelserving.InferenceRequest {
		return &modelserving.InferenceRequest{Id: strconv.Itoa(i), TensorData: infertest.Ramp(12), Outputs: frames[i]}
	})
	for i, want := range [][]*modelserving.OutputTensor{{scores}, nil, nil, {places, boxes}} {
		res, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if res.GetId() != strconv.Itoa(i) || !sameOutputs(res.GetOutputs(), want) || (res.GetError() != nil) != (i == 1) || (len(res.GetPredictions()) > 0) != (i > 1) {
			t.Errorf("frame %d: %v", i, res)
		}
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

// An output that is named has the model's values; predictions have the probabilities.
func TestNamedOutputsHaveNoActivation(t *testing.T) {
	client, _ := serve(t, map[string]model{"m": {graph: vector.graph, files: map[string]string{"labels.txt": "a\nb\nc"}}}, handlertest.Options{})
	values := []float32{0, 1, 0}
	res, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: values, Outputs: []string{"y"}})
	if err != nil || !bytes.Equal(res.GetOutputs()[0].GetData(), tensor.AsBytes(values)) {
		t.Fatalf("%v, %v", res, err)
	}
	if best := res.GetClassifications(); len(best) != 3 || best[0].GetLabel() != "b" || best[0].GetScore() >= 0.6 || res.GetPredictions()[1] != best[0].GetScore() {
		t.Errorf("%v", res)
	}
}

// config.pbtxt decides the score output, also of a model whose first output is another.
func TestTheFirstListedOutputIsPredictors(t *testing.T) {
	for config, want := range map[string][]int64{
		`output { name: "scores" }`:                          {3},
		`output { name: "scores" } output { name: "boxes" }`: {3},
		`output { name: "boxes" } output { name: "scores" }`: {3, 4},
		``: {3, 4},
	} {
		client, _ := serve(t, map[string]model{"m": {graph: detector.graph, files: map[string]string{"config.pbtxt": config}}}, handlertest.Options{})
		res, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(12)})
		if err != nil || !slices.Equal(res.GetShape(), want) {
			t.Errorf("%s: %v, %v", config, res.GetShape(), err)
		}
		listed, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{})
		if err != nil || config == `output { name: "scores" }` && (len(listed.GetModel().GetOutputs()) != 1 || listed.GetModel().GetOutputs()[0].GetName() != "scores") {
			t.Errorf("%s: %v, %v", config, listed, err)
		}
	}
	// An output that the configuration leaves out cannot be named.
	client, _ := serve(t, map[string]model{"m": {graph: detector.graph, files: map[string]string{"config.pbtxt": `output { name: "scores" }`}}}, handlertest.Options{})
	_, err := client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Outputs: []string{"boxes"}})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `"boxes"`, "configuration leaves it out", `it lists "scores"`)
	_, err = client.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: infertest.Ramp(12), Outputs: []string{"boxxes"}})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `"boxxes"`, "no output of that name", `it has "scores"`)
}

// constant returns a model of vectors with constant outputs.
func constant(specs []engine.TensorSpec, outputs ...tensor.Tensor) *infertest.Model {
	m := infertest.Echo(tensor.FP32, -1)
	m.Outputs = specs
	m.Compute = infertest.Constantly(outputs...)
	return m
}

func predictConstant(t *testing.T, m *infertest.Model, outputs ...string) (*modelserving.InferenceResponse, error) {
	t.Helper()
	apis, _ := handlertest.Serve(t, map[string]*infertest.Model{"m": m}, handlertest.Options{})
	return handlertest.PredictorClient(apis.Predictor).Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1}, Outputs: outputs})
}

// Classifiers of scikit-learn return a label first.
func TestTheScoreOutputOfAClassifierWithALabel(t *testing.T) {
	spec := func(name string, d tensor.DataType, producer string, labels []string, shape ...int64) engine.TensorSpec {
		return engine.TensorSpec{Name: name, DataType: d, Producer: producer, Labels: labels, Shape: shape}
	}
	animals, two := []string{"cat", "dog"}, []float32{0.25, 0.75}
	text, number := spec("output_label", tensor.Bytes, "", nil, -1), spec("output_label", tensor.Int64, "", nil, -1, 1)
	probabilities := spec("output_probability", tensor.FP32, "ZipMap", animals, -1, 2)
	dog := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{1}, Data: handlertest.Elements("dog")}
	one := tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{1, 1}, Data: tensor.AsBytes([]int64{1})}
	row := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: tensor.AsBytes(two)}
	rows := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{2, 2}, Data: tensor.AsBytes([]float32{0.25, 0.75, 0.5, 0.5})}
	places3 := tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{3}, Data: tensor.AsBytes([]int64{1, 0, 1})}
	for name, test := range map[string]struct {
		model       *infertest.Model
		configured  []string
		labels      []string
		predictions []float32
		want        []*modelserving.Classification
	}{
		"text and ZipMap":           {model: constant([]engine.TensorSpec{text, probabilities}, dog, row), predictions: two, want: []*modelserving.Classification{{Label: "dog", Index: 1, Score: 0.75}, {Label: "cat", Score: 0.25}}},
		"number and ZipMap":         {model: constant([]engine.TensorSpec{number, probabilities}, one, row), predictions: two, want: []*modelserving.Classification{{Label: "dog", Index: 1, Score: 0.75}, {Label: "cat", Score: 0.25}}},
		"both listed":               {model: constant([]engine.TensorSpec{text, probabilities}, dog, row), configured: []string{"output_label", "output_probability"}, predictions: two, want: []*modelserving.Classification{{Label: "dog", Index: 1, Score: 0.75}, {Label: "cat", Score: 0.25}}},
		"labels.txt first":          {model: constant([]engine.TensorSpec{text, probabilities}, dog, row), labels: []string{"Katze", "Hund"}, predictions: two, want: []*modelserving.Classification{{Label: "Hund", Index: 1, Score: 0.75}, {Label: "Katze", Score: 0.25}}},
		"several rows":              {model: constant([]engine.TensorSpec{text, probabilities}, dog, rows), predictions: []float32{0.25, 0.75, 0.5, 0.5}},
		"zipmap=False":              {model: constant([]engine.TensorSpec{text, spec("probabilities", tensor.FP32, "Div", nil, -1, 2)}, dog, row), predictions: two, want: []*modelserving.Classification{{Index: 1, Score: 0.75}, {Score: 0.25}}},
		"a forest":                  {model: constant([]engine.TensorSpec{number, spec("p", tensor.FP32, "TreeEnsembleClassifier", nil, -1, 2)}, one, row), predictions: two, want: []*modelserving.Classification{{Index: 1, Score: 0.75}, {Score: 0.25}}},
		"a softmax":                 {model: constant([]engine.TensorSpec{number, spec("p", tensor.FP32, "Softmax", nil, -1, 2)}, one, row), predictions: two, want: []*modelserving.Classification{{Index: 1, Score: 0.75}, {Score: 0.25}}},
		"label alone":               {model: constant([]engine.TensorSpec{text}, dog), want: []*modelserving.Classification{{Label: "dog", Index: -1, Score: 1}}},
		"label alone, listed":       {model: constant([]engine.TensorSpec{text, probabilities}, dog, row), configured: []string{"output_label"}, want: []*modelserving.Classification{{Label: "dog", Index: -1, Score: 1}}},
		"label alone, labels known": {model: constant([]engine.TensorSpec{text}, dog), labels: animals, want: []*modelserving.Classification{{Label: "dog", Index: 1, Score: 1}}},
		"number alone, known":       {model: constant([]engine.TensorSpec{number}, one), labels: animals, predictions: []float32{1}, want: []*modelserving.Classification{{Label: "dog", Index: 1, Score: 1}}},
		"number alone, ArgMax":      {model: constant([]engine.TensorSpec{spec("y", tensor.Int64, "ArgMax", nil, -1)}, one), predictions: []float32{1}, want: []*modelserving.Classification{{Index: 1, Score: 1}}},
		"number alone, own numbers": {model: constant([]engine.TensorSpec{spec("y", tensor.Int64, "SVMClassifier", nil, -1)}, one), predictions: []float32{1}, want: []*modelserving.Classification{{Label: "1", Index: -1, Score: 1}}},
		"labels of another number":  {model: constant([]engine.TensorSpec{spec("y", tensor.Int64, "ArgMax", nil, 1)}, one), labels: []string{"a", "b", "c"}, predictions: []float32{1}, want: []*modelserving.Classification{{Label: "b", Index: 1, Score: 1}}},
		"classes of several places": {model: constant([]engine.TensorSpec{spec("y", tensor.Int64, "ArgMax", nil, 3)}, places3), labels: animals, predictions: []float32{1, 0, 1}},
		"a count":                   {model: constant([]engine.TensorSpec{spec("count", tensor.Int64, "Size", nil)}, one), predictions: []float32{1}},
		"distances of clusters":     {model: constant([]engine.TensorSpec{number, spec("scores", tensor.FP32, "Sqrt", nil, -1, 2)}, one, row), predictions: []float32{1}},
		"a regressor":               {model: constant([]engine.TensorSpec{spec("variable", tensor.FP32, "LinearRegressor", nil, -1, 1)}, tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 1}, Data: tensor.AsBytes([]float32{1.5})}), predictions: []float32{1.5}},
	} {
		test.model.Labels = test.labels
		if len(test.configured) > 0 {
			test.model.Config = &inference.ModelConfig{}
			for _, output := range test.configured {
				test.model.Config.Output = append(test.model.Config.Output, &inference.ModelOutput{Name: output})
			}
		}
		res, err := predictConstant(t, test.model)
		same := slices.EqualFunc(res.GetClassifications(), test.want, func(a, b *modelserving.Classification) bool {
			return a.GetLabel() == b.GetLabel() && a.GetIndex() == b.GetIndex() && a.GetScore() == b.GetScore()
		})
		if err != nil || !same || !slices.Equal(res.GetPredictions(), test.predictions) || len(test.want) > 0 && res.GetConfidence() != test.want[0].GetScore() {
			t.Errorf("%s: %v, %v", name, res, err)
		}
	}
}

// Every form of an output has predictions, or an error that says what to request, which
// then succeeds.
func TestEveryOutputHasAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		datatype tensor.DataType
		shape    tensor.Shape
		data     []byte
		want     []float32
		says     []string
	}{
		"scalar":                 {tensor.FP32, tensor.Shape{}, tensor.AsBytes([]float32{2}), []float32{2}, nil},
		"rows":                   {tensor.FP32, tensor.Shape{2, 2}, tensor.AsBytes([]float32{1, 2, 3, 4}), []float32{1, 2, 3, 4}, nil},
		"no rows":                {tensor.FP32, tensor.Shape{0, 4}, nil, nil, nil},
		"FP16":                   {tensor.FP16, tensor.Shape{2}, tensor.AsBytes([]uint16{0x3c00, 0xc000}), []float32{1, -2}, nil},
		"BF16":                   {tensor.BF16, tensor.Shape{2}, tensor.AsBytes([]uint16{0x3f80, 0xc000}), []float32{1, -2}, nil},
		"FP64":                   {tensor.FP64, tensor.Shape{1}, tensor.AsBytes([]float64{0.5}), []float32{0.5}, nil},
		"INT8":                   {tensor.Int8, tensor.Shape{2}, []byte{1, 0xff}, []float32{1, -1}, nil},
		"UINT8":                  {tensor.Uint8, tensor.Shape{2}, []byte{1, 0xff}, []float32{1, 255}, nil},
		"BOOL":                   {tensor.Bool, tensor.Shape{2}, []byte{1, 0}, []float32{1, 0}, nil},
		"large round INT64":      {tensor.Int64, tensor.Shape{2}, tensor.AsBytes([]int64{1 << 40, -1 << 63}), []float32{1 << 40, -1 << 63}, nil},
		"INT64":                  {tensor.Int64, tensor.Shape{2}, tensor.AsBytes([]int64{1, 1<<24 + 1}), nil, []string{"INT64", "index 1", "outputs"}},
		"UINT64":                 {tensor.Uint64, tensor.Shape{1}, tensor.AsBytes([]uint64{1<<64 - 1}), nil, []string{"UINT64", "outputs"}},
		"INT32":                  {tensor.Int32, tensor.Shape{1}, tensor.AsBytes([]int32{-1<<31 + 1}), nil, []string{"INT32", "outputs"}},
		"UINT32":                 {tensor.Uint32, tensor.Shape{1}, tensor.AsBytes([]uint32{1<<32 - 1}), nil, []string{"UINT32", "outputs"}},
		"FP64 that is infinite":  {tensor.FP64, tensor.Shape{1}, tensor.AsBytes([]float64{1e300}), nil, []string{"FP64", "outputs"}},
		"BYTES":                  {tensor.Bytes, tensor.Shape{1, 2}, handlertest.Elements("a", "b"), nil, []string{"BYTES", "[1, 2]", "outputs"}},
		"no BYTES":               {tensor.Bytes, tensor.Shape{0}, nil, nil, nil},
		"BYTES that are no text": {tensor.Bytes, tensor.Shape{1}, handlertest.Elements("\xff"), nil, []string{"BYTES", "outputs"}},
	} {
		open := make(tensor.Shape, len(test.shape))
		for i := range open {
			open[i] = tensor.Dynamic
		}
		out := tensor.Tensor{DataType: test.datatype, Shape: test.shape, Data: test.data}
		m := constant([]engine.TensorSpec{{Name: "y", DataType: test.datatype, Shape: open}}, out)
		res, err := predictConstant(t, m)
		if len(test.says) > 0 {
			handlertest.WantError(t, err, connect.CodeInvalidArgument, append(test.says, `"y"`)...)
		} else if err != nil || !slices.Equal(res.GetPredictions(), test.want) || !slices.Equal(res.GetShape(), test.shape) {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		res, err = predictConstant(t, m, "y")
		if err != nil || !sameOutputs(res.GetOutputs(), []*modelserving.OutputTensor{{Name: "y", Datatype: test.datatype.String(), Shape: test.shape, Data: test.data}}) || !slices.Equal(res.GetPredictions(), test.want) {
			t.Errorf("%s by name: %v, %v", name, res, err)
		}
	}
}
