package modelconfig_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// defaults is a model with optional inputs: a scalar, one without and one with a batch
// dimension.
var defaults = &engine.Signature{
	Inputs: []engine.TensorSpec{
		{Name: "threshold", DataType: tensor.FP32, Shape: tensor.Shape{}, Optional: true},
		{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{-1, 4}},
		{Name: "scale", DataType: tensor.FP32, Shape: tensor.Shape{4}, Optional: true},
		{Name: "mask", DataType: tensor.FP32, Shape: tensor.Shape{-1, 4}, Optional: true},
	},
	Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.FP32, Shape: tensor.Shape{-1, 4}}},
}

// The configuration of a model has its optional inputs, also where the file lists none, some
// or all of them.
func TestOptionalInputs(t *testing.T) {
	t.Parallel()
	const complete = `name: "m" platform: "onnxruntime_onnx" backend: "onnxruntime" default_model_filename: "model.onnx"
		version_policy { latest { num_versions: 1 } } instance_group { name: "m" kind: KIND_CPU }
		optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }`
	const whole = complete + `
		input { name: "threshold" data_type: TYPE_FP32 optional: true } input { name: "x" data_type: TYPE_FP32 dims: [-1, 4] }
		input { name: "scale" data_type: TYPE_FP32 dims: [4] optional: true } input { name: "mask" data_type: TYPE_FP32 dims: [-1, 4] optional: true }
		output { name: "y" data_type: TYPE_FP32 dims: [-1, 4] }`
	const batches = complete + ` max_batch_size: 8
		input { name: "threshold" data_type: TYPE_FP32 optional: true } input { name: "x" data_type: TYPE_FP32 dims: [4] }
		input { name: "scale" data_type: TYPE_FP32 dims: [4] optional: true } input { name: "mask" data_type: TYPE_FP32 dims: [4] optional: true }
		output { name: "y" data_type: TYPE_FP32 dims: [4] }`
	for name, c := range map[string]struct{ config, want string }{
		"without a file":      {"", whole},
		"none listed":         {`input { name: "x" }`, whole},
		"one listed":          {`max_batch_size: 0 input { name: "x" dims: [-1, 4] } input { name: "scale" dims: [4] optional: true }`, whole},
		"all listed":          {`input { name: "mask" optional: true } input { name: "x" } input { name: "scale" } input { name: "threshold" data_type: TYPE_FP32 }`, whole},
		"batches":             {`max_batch_size: 8`, batches},
		"batches, all listed": {`max_batch_size: 8 input { name: "mask" dims: [4] optional: true } input { name: "x" dims: [4] } input { name: "scale" dims: [4] optional: true } input { name: "threshold" optional: true }`, batches},
	} {
		config, err := modelconfig.Complete(parse(t, c.config), "m", engine.ONNXRuntime, defaults)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same(t, config, c.want)
		again, err := modelconfig.Complete(config, "m", engine.ONNXRuntime, defaults)
		if err != nil || !proto.Equal(again, config) {
			t.Errorf("%s: completed again: error %v, %v", name, err, again)
		}
	}
}

// A warmup gives the optional inputs that it names.
func TestWarmupWithOptionalInputs(t *testing.T) {
	t.Parallel()
	config := parse(t, `max_batch_size: 8 model_warmup { name: "a" batch_size: 2
		inputs { key: "x" value { data_type: TYPE_FP32 dims: [4] zero_data: true } }
		inputs { key: "scale" value { data_type: TYPE_FP32 dims: [4] zero_data: true } } }`)
	warmups, err := modelconfig.Warmups(config, defaults, func(string) ([]byte, error) { return nil, errors.New("no files") })
	if err != nil {
		t.Fatal(err)
	}
	inputs := warmups[0].Inputs
	if !engine.IsAbsent(inputs[0]) || !slices.Equal(inputs[1].Shape, tensor.Shape{2, 4}) || !slices.Equal(inputs[2].Shape, tensor.Shape{4}) || !engine.IsAbsent(inputs[3]) {
		t.Errorf("inputs %+v", inputs)
	}
	config.ModelWarmup[0].Inputs = nil
	if _, err := modelconfig.Warmups(config, defaults, nil); err == nil || !strings.Contains(err.Error(), `lacks "x"`) {
		t.Errorf("error %v", err)
	}
}
