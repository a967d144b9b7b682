package predictor_test

import (
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// A model of one required input is served with its optional ones, in each form that config.pbtxt
// may have: values are that input, and the description lists all.
func TestModelWithOptionalInput(t *testing.T) {
	files := func(config string) map[string]string { return map[string]string{"config.pbtxt": config} }
	client, _ := serve(t, map[string]model{
		"plain":   {graph: onnxtest.Scaled()},
		"listed":  {graph: onnxtest.Scaled(), files: files(`max_batch_size: 0 input { name: "x" dims: [ -1, 2 ] } input { name: "scale" dims: [ 1 ] optional: true }`)},
		"partly":  {graph: onnxtest.Scaled(), files: files(`input { name: "x" data_type: TYPE_FP32 dims: [ -1, 2 ] }`)},
		"batches": {graph: onnxtest.Scaled(), files: files(`max_batch_size: 8 input { name: "x" dims: [ 2 ] } input { name: "scale" dims: [ 1 ] optional: true }`)},
	}, handlertest.Options{})
	for _, name := range []string{"plain", "listed", "partly", "batches"} {
		res, err := client.Predict(t.Context(), &modelserving.InferenceRequest{ModelName: name, TensorData: []float32{1, 2}})
		if err != nil || !slices.Equal(res.GetPredictions(), []float32{3, 6}) {
			t.Errorf("%s: %v, error %v", name, res, err)
		}
		described, err := client.GetModel(t.Context(), &modelserving.GetModelRequest{ModelName: name})
		if err != nil {
			t.Fatal(err)
		}
		inputs := described.GetModel().GetInputs()
		if len(inputs) != 2 || inputs[0].GetName() != "scale" || !inputs[0].GetOptional() || inputs[1].GetName() != "x" || inputs[1].GetOptional() {
			t.Errorf("%s: inputs %v", name, inputs)
		}
	}
}
