package modelconfig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// platforms are those of the server in the tests.
var platforms = engine.Platforms{engine.ONNXRuntime}

// read returns a file of testdata.
func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// covered fails the test when a testdata file that matches the pattern is not in the
// table.
func covered[T any](t *testing.T, pattern string, table map[string]T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := table[filepath.Base(file)]; !ok {
			t.Errorf("%s is in no table", file)
		}
	}
}

func TestGoodTextsWarnAboutIgnoredFields(t *testing.T) {
	t.Parallel()
	good := map[string][]string{
		"complete.good.pbtxt": nil,
		"empty.good.pbtxt":    nil,
		"windows.good.pbtxt":  nil,
		"ignored.good.pbtxt": {
			`instance_group[0].gpus is ignored`,
			`instance_group[0].rate_limiter is ignored`,
			`cc_model_filenames is ignored`,
			`metric_tags is ignored`,
			`optimization.cuda is ignored`,
			`optimization.execution_accelerators is ignored`,
			`instance_group[0].kind is KIND_GPU: the model runs on the CPU, and the group's count is ignored`,
			`parameters["session.use_device_allocator_for_initializers"] is ignored`,
		},
		"no_levels.good.pbtxt": {
			`dynamic_batching.default_priority_level is ignored: priority_levels is 0`,
			`dynamic_batching.priority_queue_policy is ignored: priority_levels is 0, and default_queue_policy applies to all requests`,
		},
		"unknown.good.pbtxt": {
			`line 2, column 1: unknown field tags is ignored`,
			`line 2, column 39: unknown field colour is ignored`,
			`line 5, column 3: unknown field input.shape is ignored`,
			`line 6, column 3: unknown field input.layout is ignored`,
			`line 10, column 44: unknown field parameters.value.int_value is ignored`,
			`line 10, column 79: unknown field parameters.comment is ignored`,
			`line 11, column 33: unknown field optimization.graph.fused is ignored`,
			`line 12, column 1: unknown field [vendor.field] is ignored`,
		},
	}
	covered(t, "*.good.pbtxt", good)
	for name, want := range good {
		_, warnings, err := modelconfig.Parse(read(t, name), platforms)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i := range want {
			want[i] = "config.pbtxt: " + want[i]
		}
		if !slices.Equal(warnings, want) {
			t.Errorf("%s: warnings\n%s\nwant\n%s", name, strings.Join(warnings, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestBadTextsHavePositionAndAcceptedValues(t *testing.T) {
	t.Parallel()
	const name = `set it to the name in the model`
	bad := map[string]string{
		"batching.bad.pbtxt": `dynamic_batching.preferred_batch_size has 8: use sizes from 1 to max_batch_size (4)` +
			`; dynamic_batching.default_priority_level is 0: use a level from 1 to priority_levels (2)` +
			`; dynamic_batching.priority_queue_policy has level 3: use levels from 1 to priority_levels (2)` +
			`; dynamic_batching.preserve_ordering is true and priority_levels is 2: remove one of them` +
			`; dynamic_batching.preserve_ordering is true and a queue policy's timeout_action is DELAY: use REJECT or remove preserve_ordering`,
		"bracket.bad.pbtxt":         `line 6, column 3: unexpected character '{'`,
		"colon.bad.pbtxt":           `line 2, column 2: missing ':' after max_batch_size`,
		"ends.bad.pbtxt":            `line 4, column 1: unexpected end of text: a value or a closing bracket is missing`,
		"ends_in_unknown.bad.pbtxt": `line 2, column 10: missing '}' for this '{'`,
		"enum.bad.pbtxt": `line 2, column 24: input.data_type is TYPE_FLOAT: it takes one of TYPE_BOOL, TYPE_UINT8, TYPE_UINT16, TYPE_UINT32, TYPE_UINT64, ` +
			`TYPE_INT8, TYPE_INT16, TYPE_INT32, TYPE_INT64, TYPE_FP16, TYPE_FP32, TYPE_FP64, TYPE_STRING, TYPE_BF16`,
		"enum_number.bad.pbtxt":    `instance_group[0].kind is 7: it takes one of KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL`,
		"extension.bad.pbtxt":      `line 2, column 1: unexpected end of text: a value or a closing bracket is missing`,
		"format.bad.pbtxt":         `input["x"].format is FORMAT_NHWC and dims has 4 dimensions: use the 3 dimensions of an image or remove format`,
		"integer.bad.pbtxt":        `line 1, column 17: max_batch_size is "8": it takes an integer (int32)`,
		"levels.bad.pbtxt":         `parameters["graph_optimization_level"] is 0, which contradicts optimization.graph.level 1: remove one of them`,
		"many_instances.bad.pbtxt": `the sum of the counts in instance_group is 1025: the limit is 1024`,
		"map_twice.bad.pbtxt":      `line 2, column 12: parameters.key is set twice`,
		"negative.bad.pbtxt":       `line 1, column 38: model_warmup.batch_size is -1: it takes an integer from 0 (uint32)`,
		"no_versions.bad.pbtxt":    `version_policy.specific has no versions: add versions, or remove version_policy to serve the newest`,
		"number.bad.pbtxt":         `line 1, column 1: found the number 4 instead of a field name`,
		"oneof.bad.pbtxt":          `line 3, column 3: version_policy.all is set, but only one of latest, all, specific is allowed: remove the others`,
		"parameters.bad.pbtxt": `parameters["intra_op_thread_count"] is "many": use a number of threads from 0 (the server's default) to 1024` +
			`; parameters["inter_op_thread_count"] is "-1": use a number of threads from 0 (the server's default) to 1024` +
			`; parameters["execution_mode"] is "2": use 0 (sequential) or 1 (parallel)` +
			`; optimization.graph.level is 3: use 0 (all optimizations), 1 (extended), -1 (basic) or 2 (none)` +
			`; parameters["graph_optimization_level"] is "4": use 0 (no optimizations), 1 (basic), 2 (extended) or 99 (all)`,
		"paths.bad.pbtxt": `default_model_filename is "../2/model.onnx": use a relative path in the version's directory, such as "model.onnx"` +
			`; output["a"].label_filename is "/etc/passwd": use a relative path in the model's directory, such as "labels.txt"` +
			`; output["b"].label_filename is "sub/../../labels.txt": use a relative path in the model's directory, such as "labels.txt"`,
		"quote.bad.pbtxt": `line 1, column 7: the quoted text does not end on its line`,
		"unsupported.bad.pbtxt": `input["x"].is_shape_tensor is not supported: shape tensors exist only in TensorRT; remove it` +
			`; input["y"].allow_ragged_batch is not supported: the inputs of a batch have one shape; remove it if the model runs without it` +
			`; sequence_batching is not supported: requests of a sequence are not routed to one instance; stateful models cannot run` +
			`; platform is "tensorrt_plan", available: "onnxruntime_onnx"; use one of these or remove platform` +
			`; backend is "python", available: "onnxruntime"; use one of these or remove backend` +
			`; output "z": reshape is set and dims is missing: set dims to the shape for clients`,
		"unsupported_model.bad.pbtxt": `ensemble_scheduling is not supported: serve the models of the ensemble, and call one after the other` +
			`; model_operations.op_library_filename is not supported: operator libraries are not loaded; models that need one cannot run` +
			`; model_transaction_policy.decoupled is not supported: each request has one response; models with another number of responses cannot run` +
			`; batch_input is not supported: batches are not described to the model; remove it if the model runs without it` +
			`; batch_output is not supported: batches are not described to the model; remove it if the model runs without it`,
		"sizes.bad.pbtxt": `max_batch_size is -1: use 0 for a model without batching, or the maximum batch size` +
			`; input "x": dims has -2: use a size, or -1 for a dynamic dimension; input "x" is listed twice; input[2].name is missing: ` + name +
			`; instance_group[0].count is -1: use 1 or more, or remove it for the server's default`,
		"token.bad.pbtxt":         `line 1, column 17: unexpected [`,
		"twice.bad.pbtxt":         `line 2, column 1: max_batch_size is set twice`,
		"unknown_colon.bad.pbtxt": `line 1, column 10: missing ':' before the value of batching`,
		"unknown_value.bad.pbtxt": `line 1, column 17: custom has no value`,
		"utf8.bad.pbtxt":          `line 1, column 7: name is not UTF-8 text`,
		"versions.bad.pbtxt":      `version_policy.specific.versions has 0: version numbers start at 1`,
	}
	covered(t, "*.bad.pbtxt", bad)
	for file, want := range bad {
		config, _, err := modelconfig.Parse(read(t, file), platforms)
		if err == nil || err.Error() != "config.pbtxt: "+want {
			t.Errorf("%s: %v\nwant %s", file, err, want)
		}
		if config != nil {
			t.Errorf("%s: an error with a configuration", file)
		}
	}
}

func TestFieldsNextToUnknownOnesAreRead(t *testing.T) {
	t.Parallel()
	config, _, err := modelconfig.Parse(read(t, "unknown.good.pbtxt"), platforms)
	if err != nil {
		t.Fatal(err)
	}
	if config.GetName() != "m" || config.GetMaxBatchSize() != 8 || !slices.Equal(config.GetInput()[0].GetDims(), []int64{3}) ||
		config.GetParameters()["execution_mode"].GetStringValue() != "1" || config.GetOptimization().GetGraph().GetLevel() != 1 {
		t.Errorf("read %v", config)
	}
}

func TestTextsAreLimited(t *testing.T) {
	t.Parallel()
	var unknown strings.Builder
	for i := range 40 {
		fmt.Fprintf(&unknown, "x%d: 1\n", i)
	}
	for _, test := range []struct{ name, text, want string }{
		{"size", strings.Repeat("#", 1<<20) + "\n", "config.pbtxt: the text has 1048577 bytes, the limit is 1048576"},
		{"nesting", "\nx " + strings.Repeat("{ x ", 5000), "config.pbtxt: line 2, column 403: brackets nest more than 100 deep"},
		{"unknown fields", unknown.String(), "config.pbtxt: line 33, column 1: unknown field x32, after 32 other unknown ones: check that the file is a model configuration"},
	} {
		if _, _, err := modelconfig.Parse([]byte(test.text), platforms); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
	for _, text := range []string{"instance_group { passive: true }\n", "input { name: \"x\" later: 1 }\n"} {
		var all strings.Builder
		for i := range 102 {
			all.WriteString(strings.Replace(text, "\"x\"", fmt.Sprintf("\"x%d\"", i), 1))
		}
		_, warnings, err := modelconfig.Parse([]byte(all.String()), platforms)
		if err != nil || len(warnings) != 101 || warnings[100] != "config.pbtxt: and 2 more" {
			t.Errorf("%d warnings, %v", len(warnings), err)
		}
	}
	_, _, err := modelconfig.Parse([]byte(strings.Repeat("input { name: \"x\" }\n", 20)), platforms)
	if err == nil || !strings.HasSuffix(err.Error(), `; input "x" is listed twice; and 11 more`) {
		t.Error(err)
	}
}

func TestParsedValuesReachTheOptions(t *testing.T) {
	t.Parallel()
	config, _, err := modelconfig.Parse(read(t, "complete.good.pbtxt"), platforms)
	if err != nil {
		t.Fatal(err)
	}
	if file := modelconfig.ModelFile(config, engine.ONNXRuntime); file != "classifier.onnx" {
		t.Errorf("model file %q", file)
	}
	if n := modelconfig.Instances(config); n != 3 {
		t.Errorf("%d instances", n)
	}
	if out := config.GetOutput()[0]; out.GetLabelFilename() != "labels.txt" {
		t.Errorf("labels %q", out.GetLabelFilename())
	}
	if policy := config.GetDynamicBatching().GetPriorityQueuePolicy()[2]; policy.GetTimeoutAction() != inference.ModelQueuePolicy_DELAY || policy.GetMaxQueueSize() != 5 {
		t.Errorf("queue policy %v", policy)
	}
}
