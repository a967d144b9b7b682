package modelconfig_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// A client may send a completed configuration back, as model analyzers do.
func TestACompletedConfigurationIsReadAgain(t *testing.T) {
	t.Parallel()
	configured := parse(t, `max_batch_size: 4 input { name: "ids" dims: [2, 4] reshape { shape: [8] } } input { name: "image" } dynamic_batching { } instance_group { count: 2 }`)
	changes, err := modelconfig.Reshapes(configured, images)
	if err != nil || len(changes.Inputs) != 1 || len(changes.Outputs) != 0 {
		t.Fatal(changes, err)
	}
	signature := *images
	signature.Inputs = slices.Clone(signature.Inputs)
	signature.Inputs[1].Shape = tensor.Shape{-1, 2, 4} // as package reshape makes it
	completed, err := modelconfig.Complete(configured, "cats", engine.ONNXRuntime, &signature)
	if err != nil {
		t.Fatal(err)
	}
	text, err := modelconfig.JSON(completed)
	if err != nil {
		t.Fatal(err)
	}
	again, warnings, err := modelconfig.ParseJSON(text, platforms)
	if err != nil || len(warnings) > 0 || !proto.Equal(again, completed) {
		t.Errorf("%v, warnings %q, %s", err, warnings, text)
	}
	for _, want := range []string{
		`"dims":[2,4],"reshape":{"shape":[8]}`,
		`"optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"output_pinned_memory":{"enable":true},"gather_kernel_buffer_threshold":0,"eager_batching":false}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s lacks %s", text, want)
		}
	}
}

// Of a tensor with a dynamic rank, and of a scalar, a reshape may have any shape that its
// dims allow, or ones.
func TestReshapesOfUnusualModels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shape  tensor.Shape
		config string
		want   string
	}{
		{nil, `input { name: "x" dims: [6] reshape { shape: [2, 3] } }`, ""},
		{nil, `max_batch_size: 2 input { name: "x" dims: [1] reshape { } }`, ""},
		{tensor.Shape{}, `input { name: "x" dims: [1, 1] reshape { shape: [1] } }`, ""},
		{tensor.Shape{2}, `input { name: "x" dims: [1] reshape { } }`, `input "x": reshape.shape is [], but the model has shape [2]: use the model's shape`},
		{tensor.Shape{2}, `input { name: "y" dims: [1] reshape { } }`, ""},                // Complete reports the name
		{tensor.Shape{3}, `output { name: "o" dims: [3] reshape { shape: [1, 3] } }`, ""}, // not a tensor
	} {
		signature := &engine.Signature{
			Inputs:  []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: test.shape}},
			Outputs: []engine.TensorSpec{{Name: "o", DataType: tensor.Invalid}},
		}
		_, err := modelconfig.Reshapes(parse(t, test.config), signature)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s of %v: %v, want %q", test.config, test.shape, err, test.want)
		}
	}
	if changes, err := modelconfig.Reshapes(nil, images); err != nil || len(changes.Inputs)+len(changes.Outputs) > 0 {
		t.Errorf("without a configuration: %v, %v", changes, err)
	}
}
