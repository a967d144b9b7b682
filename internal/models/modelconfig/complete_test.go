package modelconfig_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// images is a model with a batch of images and a second input.
var images = &engine.Signature{
	Inputs: []engine.TensorSpec{
		{Name: "image", DataType: tensor.FP32, Shape: tensor.Shape{-1, 3, -1, -1}},
		{Name: "ids", DataType: tensor.Int64, Shape: tensor.Shape{-1, 8}},
	},
	Outputs: []engine.TensorSpec{
		{Name: "logits", DataType: tensor.FP32, Shape: tensor.Shape{-1, 1000}},
		{Name: "names", DataType: tensor.Bytes, Shape: tensor.Shape{-1, -1}},
	},
}

// parse reads a valid configuration.
func parse(t *testing.T, text string) *inference.ModelConfig {
	t.Helper()
	config, _, err := modelconfig.Parse([]byte(text), platforms)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// same fails the test when got is not the message of the text.
func same(t *testing.T, got *inference.ModelConfig, text string) {
	t.Helper()
	want := &inference.ModelConfig{}
	if err := prototext.Unmarshal([]byte(text), want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", prototext.Format(got), prototext.Format(want))
	}
}

func TestCompleteFillsInTheModel(t *testing.T) {
	t.Parallel()
	config, err := modelconfig.Complete(nil, "cats", engine.ONNXRuntime, images)
	if err != nil {
		t.Fatal(err)
	}
	same(t, config, `name: "cats" platform: "onnxruntime_onnx" backend: "onnxruntime" default_model_filename: "model.onnx"
		version_policy { latest { num_versions: 1 } }
		input { name: "image" data_type: TYPE_FP32 dims: [-1, 3, -1, -1] } input { name: "ids" data_type: TYPE_INT64 dims: [-1, 8] }
		output { name: "logits" data_type: TYPE_FP32 dims: [-1, 1000] } output { name: "names" data_type: TYPE_STRING dims: [-1, -1] }
		instance_group { name: "cats" kind: KIND_CPU }
		optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } }`)
	if n := modelconfig.Instances(config); n != 0 {
		t.Errorf("%d instances without a setting", n)
	}
	modelconfig.SetInstances(config, 2)
	if n := modelconfig.Instances(config); n != 2 {
		t.Errorf("%d instances after they were set to 2", n)
	}
}

func TestCompleteKeepsTheConfiguration(t *testing.T) {
	t.Parallel()
	configured := parse(t, `name: "cats" max_batch_size: 4 version_policy { latest { } } optimization { input_pinned_memory { enable: false } graph { level: 1 } }
		input { name: "ids" } input { name: "image" format: FORMAT_NCHW dims: [3, 224, 224] }
		output { name: "names" label_filename: "names.txt" }
		instance_group { count: 2 } instance_group { kind: KIND_GPU count: 9 } instance_group { name: "b" kind: KIND_MODEL }
		parameters { key: "intra_op_thread_count" value { string_value: "1" } }`)
	before := proto.CloneOf(configured)
	config, err := modelconfig.Complete(configured, "cats", engine.ONNXRuntime, images)
	if err != nil {
		t.Fatal(err)
	}
	same(t, config, `name: "cats" platform: "onnxruntime_onnx" backend: "onnxruntime" default_model_filename: "model.onnx" max_batch_size: 4
		version_policy { latest { num_versions: 1 } } optimization { input_pinned_memory { enable: false } output_pinned_memory { enable: true } graph { level: 1 } }
		input { name: "image" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [3, 224, 224] } input { name: "ids" data_type: TYPE_INT64 dims: [8] }
		output { name: "names" data_type: TYPE_STRING dims: [-1] label_filename: "names.txt" }
		instance_group { name: "cats_0" kind: KIND_CPU count: 2 } instance_group { name: "b" kind: KIND_CPU count: 1 }
		parameters { key: "intra_op_thread_count" value { string_value: "1" } }`)
	if !proto.Equal(configured, before) {
		t.Error("Complete modified its argument")
	}
	if n := modelconfig.Instances(config); n != 3 || modelconfig.Instances(configured) != 3 {
		t.Errorf("%d instances, want 3", n)
	}
	modelconfig.SetInstances(config, 7)
	if n := modelconfig.Instances(config); n != 3 {
		t.Errorf("SetInstances replaced 3 configured instances by %d", n)
	}
}

func TestGroupsOfGPUsRunOnTheCPU(t *testing.T) {
	t.Parallel()
	configured := parse(t, `instance_group [ { name: "a" kind: KIND_GPU count: 1 gpus: 0 }, { kind: KIND_GPU count: 1 } ]`)
	config, err := modelconfig.Complete(configured, "cats", engine.ONNXRuntime, images)
	if err != nil {
		t.Fatal(err)
	}
	if n := modelconfig.Instances(config); n != 0 || modelconfig.Instances(configured) != 0 {
		t.Errorf("%d instances, want the server's default", n)
	}
	modelconfig.SetInstances(config, 4)
	groups := config.GetInstanceGroup()
	if len(groups) != 1 || groups[0].GetKind() != inference.ModelInstanceGroup_KIND_CPU || groups[0].GetCount() != 4 || groups[0].GetName() != "a" {
		t.Errorf("groups %v", groups)
	}
}

func TestDimensionsThatFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		spec   tensor.Shape
		batch  int32
		config string
		want   []int64
	}{
		{name: "scalar", spec: tensor.Shape{}, want: nil},
		{name: "scalar as ones", spec: tensor.Shape{}, config: "dims: [1, 1]", want: []int64{1, 1}},
		{name: "empty", spec: tensor.Shape{0, 3}, config: "dims: [0, 3]", want: []int64{0, 3}},
		{name: "dynamic rank", spec: nil, batch: 2, config: "dims: [7]", want: []int64{7}},
		{name: "only the batch", spec: tensor.Shape{-1}, batch: 2, want: nil},
		{name: "fixed by the configuration", spec: tensor.Shape{-1, -1}, config: "dims: [1, -1]", want: []int64{1, -1}},
	} {
		signature := &engine.Signature{
			Inputs:  []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: test.spec}},
			Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.FP32, Shape: test.spec}},
		}
		configured := parse(t, `input { name: "x" `+test.config+` } output { name: "y" `+test.config+` }`)
		configured.MaxBatchSize = test.batch
		config, err := modelconfig.Complete(configured, "m", engine.ONNXRuntime, signature)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if in, out := config.GetInput()[0].GetDims(), config.GetOutput()[0].GetDims(); !slices.Equal(in, test.want) || !slices.Equal(out, test.want) {
			t.Errorf("%s: %v and %v, want %v", test.name, in, out, test.want)
		}
	}
}

func TestOutputDimsMayBeDynamic(t *testing.T) {
	t.Parallel()
	config, err := modelconfig.Complete(parse(t, `max_batch_size: 1 output { name: "logits" dims: -1 } output { name: "names" dims: 5 }`), "m", engine.ONNXRuntime, images)
	if err != nil {
		t.Fatal(err)
	}
	if logits, names := config.GetOutput()[0].GetDims()[0], config.GetOutput()[1].GetDims()[0]; logits != -1 || names != 5 {
		t.Errorf("dims %d and %d", logits, names)
	}
}

// The first listed output is the one of the APIs that return one.
func TestOutputsKeepTheirListedOrder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`output { name: "names" } output { name: "logits" }`: {"names", "logits"},
		`output { name: "logits" } output { name: "names" }`: {"logits", "names"},
		`output { name: "names" }`:                           {"names"},
		``:                                                   {"logits", "names"},
	} {
		config, err := modelconfig.Complete(parse(t, text), "cats", engine.ONNXRuntime, images)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, output := range config.GetOutput() {
			names = append(names, output.GetName())
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %q, want %q", text, names, want)
		}
	}
}

func TestNonTensorOutputsAreOmitted(t *testing.T) {
	t.Parallel()
	signature := &engine.Signature{Outputs: []engine.TensorSpec{
		{Name: "label", DataType: tensor.Int64, Shape: tensor.Shape{-1}}, {Name: "probabilities"},
	}}
	config, err := modelconfig.Complete(nil, "m", engine.ONNXRuntime, signature)
	if err != nil || len(config.GetOutput()) != 1 || config.GetOutput()[0].GetName() != "label" {
		t.Errorf("%v, %v", config, err)
	}
}

func TestContradictionsHaveBothValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, config, want string }{
		{"name", `name: "dogs"`, `name is "dogs", but the model's directory is "cats": use the directory's name or remove name`},
		{"output", `output { name: "probs" }`, `output "probs" is not an output of the model, which has "logits", "names": use its names`},
		{"input", `input { name: "x" } input { name: "ids" } input { name: "image" }`, `input "x" is not an input of the model, which has "image", "ids": use its names`},
		{
			"default", `input { name: "scale" optional: true } input { name: "ids" } input { name: "image" }`,
			`input "scale" is not an input of the model, which has "image", "ids": use its names. An initializer can be set if the file lists it among the inputs, too, and has IR version 4 or newer`,
		},
		{
			"required", `input { name: "ids" optional: true } input { name: "image" }`,
			`input "ids" has optional: true, but the model has no default for it: remove optional, or export the model with a default (an initializer of that name)`,
		},
		{"missing input", `input { name: "ids" }`, `input lacks "image", which the model requires: add it, or remove input to use all of them`},
		{
			"data types", `input { name: "image" data_type: TYPE_UINT8 } input { name: "ids" data_type: TYPE_INT32 }`,
			`input "image" has data_type TYPE_UINT8, but the model has TYPE_FP32; input "ids" has data_type TYPE_INT32, but the model has TYPE_INT64`,
		},
		{"rank", `output { name: "logits" dims: [1000] }`, `output "logits" has dims [1000], but the model has shape [-1, 1000]`},
		{
			"batch", `max_batch_size: 8 input { name: "ids" } input { name: "image" dims: [-1, 3, 224, 224] }`,
			`input "image" has dims [-1, 3, 224, 224] (with the batch dimension [-1, -1, 3, 224, 224]), but the model has shape [-1, 3, -1, -1]: with max_batch_size 8, dims exclude the batch dimension`,
		},
		{"size", `max_batch_size: 8 output { name: "logits" dims: [10] }`, `output "logits" has dims [10] (with the batch dimension [-1, 10]), but the model has shape [-1, 1000]: with max_batch_size 8, dims exclude the batch dimension`},
		{"opened", `input { name: "image" } input { name: "ids" dims: [-1, -1] }`, `input "ids" has dims [-1, -1], but the model has shape [-1, 8]`},
		{"nothing", `output { name: "names" dims: [-1, 0] }`, `output "names" has dims [-1, 0], but the model has shape [-1, -1]`},
	} {
		_, err := modelconfig.Complete(parse(t, test.config), "cats", engine.ONNXRuntime, images)
		if err == nil || err.Error() != "config.pbtxt: "+test.want {
			t.Errorf("%s: %v\nwant %s", test.name, err, test.want)
		}
	}
}

func TestBatchDimensionIsDynamic(t *testing.T) {
	t.Parallel()
	signature := &engine.Signature{
		Inputs:  []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{1, 3}}},
		Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.FP32, Shape: tensor.Shape{}}},
	}
	_, err := modelconfig.Complete(parse(t, `max_batch_size: 8`), "m", engine.ONNXRuntime, signature)
	const want = `config.pbtxt: max_batch_size is 8, but input "x" of the model has shape [1, 3] without a batch dimension (-1): remove max_batch_size and put complete shapes into dims` +
		`; max_batch_size is 8, but output "y" of the model has shape [] without a batch dimension (-1): remove max_batch_size and put complete shapes into dims`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	signature.Outputs[0] = engine.TensorSpec{Name: "y"}
	_, err = modelconfig.Complete(parse(t, `output { name: "y" }`), "m", engine.ONNXRuntime, signature)
	if err == nil || err.Error() != `config.pbtxt: output "y" is a sequence or a map in the model, which cannot be returned: remove it` {
		t.Error(err)
	}
}
