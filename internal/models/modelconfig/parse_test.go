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

// platforms are those of the tests' server.
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

// covered fails the test where a file of testdata of that pattern is not in the
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

func TestGoodTextsWarnOfWhatIsNotFollowed(t *testing.T) {
	t.Parallel()
	good := map[string][]string{
		"complete.good.pbtxt": nil,
		"empty.good.pbtxt":    nil,
		"windows.good.pbtxt":  nil,
		"unfollowed.good.pbtxt": {
			`input["x"].optional is not followed`,
			`instance_group[0].gpus is not followed`,
			`instance_group[0].rate_limiter is not followed`,
			`cc_model_filenames is not followed`,
			`metric_tags is not followed`,
			`optimization.cuda is not followed`,
			`optimization.execution_accelerators is not followed`,
			`optimization.input_pinned_memory is not followed`,
			`instance_group[0].kind is KIND_GPU: the model runs on the CPU, and the group's count is not used`,
			`parameters["enable_mem_arena"] is not followed`,
		},
		"no_levels.good.pbtxt": {
			`dynamic_batching.default_priority_level is not followed: priority_levels is 0`,
			`dynamic_batching.priority_queue_policy is not followed: priority_levels is 0, and all requests have default_queue_policy`,
		},
		"unknown.good.pbtxt": {
			`line 2, column 1: tags is an unknown field, and is not followed`,
			`line 2, column 39: colour is an unknown field, and is not followed`,
			`line 5, column 3: input.shape is an unknown field, and is not followed`,
			`line 6, column 3: input.layout is an unknown field, and is not followed`,
			`line 10, column 44: parameters.value.int_value is an unknown field, and is not followed`,
			`line 10, column 79: parameters.comment is an unknown field, and is not followed`,
			`line 11, column 33: optimization.graph.fused is an unknown field, and is not followed`,
			`line 12, column 1: [vendor.field] is an unknown field, and is not followed`,
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

func TestBadTextsSayWhereAndWhatFits(t *testing.T) {
	t.Parallel()
	const name = `give the name that the model has`
	bad := map[string]string{
		"batching.bad.pbtxt": `dynamic_batching.preferred_batch_size has 8: use sizes from 1 to max_batch_size, which is 4` +
			`; dynamic_batching.default_priority_level is 0: use a level from 1 to priority_levels, which is 2` +
			`; dynamic_batching.priority_queue_policy has level 3: use levels from 1 to priority_levels, which is 2` +
			`; dynamic_batching.preserve_ordering is true and priority_levels is 2: leave one of them out` +
			`; dynamic_batching.preserve_ordering is true and a queue policy's timeout_action is DELAY: use REJECT, or leave preserve_ordering out`,
		"bracket.bad.pbtxt":         `line 6, column 3: unexpected character '{'`,
		"colon.bad.pbtxt":           `line 2, column 2: a : is missing after max_batch_size`,
		"ends.bad.pbtxt":            `line 4, column 1: the text ends early: a value or a closing bracket is missing`,
		"ends_in_unknown.bad.pbtxt": `line 2, column 10: { is not closed: a } is missing`,
		"enum.bad.pbtxt": `line 2, column 24: input.data_type is TYPE_FLOAT: it takes one of TYPE_BOOL, TYPE_UINT8, TYPE_UINT16, TYPE_UINT32, TYPE_UINT64, ` +
			`TYPE_INT8, TYPE_INT16, TYPE_INT32, TYPE_INT64, TYPE_FP16, TYPE_FP32, TYPE_FP64, TYPE_STRING, TYPE_BF16`,
		"enum_number.bad.pbtxt":    `instance_group[0].kind is 7: it takes one of KIND_AUTO, KIND_GPU, KIND_CPU, KIND_MODEL`,
		"extension.bad.pbtxt":      `line 2, column 1: the text ends early: a value or a closing bracket is missing`,
		"format.bad.pbtxt":         `input["x"].format is FORMAT_NHWC and dims has 4 dimensions: images have 3, height, width and channels`,
		"integer.bad.pbtxt":        `line 1, column 17: max_batch_size is "8": it takes a whole number (int32)`,
		"levels.bad.pbtxt":         `parameters["graph_optimization_level"] is 0 and optimization.graph.level is 1, which are not the same: leave one of them out`,
		"many_instances.bad.pbtxt": `the counts of instance_group come to 1025: the most is 1024`,
		"map_twice.bad.pbtxt":      `line 2, column 12: parameters.key is given twice`,
		"negative.bad.pbtxt":       `line 1, column 38: model_warmup.batch_size is -1: it takes a whole number from 0 (uint32)`,
		"no_versions.bad.pbtxt":    `version_policy.specific lists no version: add versions, or leave version_policy out to serve the newest`,
		"number.bad.pbtxt":         `line 1, column 1: found the number 4 where the name of a field belongs`,
		"oneof.bad.pbtxt":          `line 3, column 3: version_policy.all is given beside another of latest, all, specific: give one of them`,
		"parameters.bad.pbtxt": `parameters["intra_op_thread_count"] is "many": use a number of threads from 0, the server's own setting, to 1024` +
			`; parameters["inter_op_thread_count"] is "-1": use a number of threads from 0, the server's own setting, to 1024` +
			`; parameters["execution_mode"] is "2": use 0, sequential, or 1, parallel` +
			`; optimization.graph.level is 3: use 0, all optimizations, 1, extended ones, -1, basic ones, or 2, none` +
			`; parameters["graph_optimization_level"] is "4": use 0, no optimizations, 1, basic ones, 2, extended ones, or 99, all`,
		"paths.bad.pbtxt": `default_model_filename is "../2/model.onnx": use the plain name of a file in the version's directory, such as "model.onnx"` +
			`; output["a"].label_filename is "/etc/passwd": use the path of a file within the model's directory, such as "labels.txt"` +
			`; output["b"].label_filename is "sub/../../labels.txt": use the path of a file within the model's directory, such as "labels.txt"`,
		"quote.bad.pbtxt": `line 1, column 7: the text in quotes does not end in its line`,
		"refused.bad.pbtxt": `input["x"].reshape cannot be followed: shapes are passed on as they are: give in dims the shape that the model has` +
			`; input["x"].is_shape_tensor cannot be followed: only TensorRT has shape tensors: leave it out` +
			`; input["y"].allow_ragged_batch cannot be followed: the inputs of a batch have one shape: leave it out, if the model runs without` +
			`; output["z"].reshape cannot be followed: shapes are passed on as they are: give in dims the shape that the model has` +
			`; sequence_batching cannot be followed: requests of a sequence are not kept together: models that keep state cannot be served` +
			`; platform is "tensorrt_plan", available: "onnxruntime_onnx"; use one of these or remove platform` +
			`; backend is "python", available: "onnxruntime"; use one of these or remove backend`,
		"refused_model.bad.pbtxt": `ensemble_scheduling cannot be followed: ensembles are not served: serve its models, and call one after the other` +
			`; model_operations.op_library_filename cannot be followed: libraries of operators are not loaded: models that need them cannot be served` +
			`; model_transaction_policy.decoupled cannot be followed: each request has one answer here: models that answer otherwise cannot be served` +
			`; batch_input cannot be followed: batches are not described to the model: leave it out, if the model runs without` +
			`; batch_output cannot be followed: batches are not described to the model: leave it out, if the model runs without`,
		"sizes.bad.pbtxt": `max_batch_size is -1: use 0 for a model without batches, or the largest batch` +
			`; input "x": dims has -2: use a size, or -1 for one that is open; input "x" is listed twice; input[2].name is missing: ` + name +
			`; instance_group[0].count is -1: use a number of instances, or leave it out for the server's`,
		"token.bad.pbtxt":         `line 1, column 17: unexpected [`,
		"twice.bad.pbtxt":         `line 2, column 1: max_batch_size is given twice`,
		"unknown_colon.bad.pbtxt": `line 1, column 10: a : is missing before the value of batching`,
		"unknown_value.bad.pbtxt": `line 1, column 17: custom has no value`,
		"utf8.bad.pbtxt":          `line 1, column 7: name is not UTF-8 text`,
		"versions.bad.pbtxt":      `version_policy.specific.versions has 0: versions are numbered from 1`,
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

func TestWhatStandsBesideUnknownFieldsIsRead(t *testing.T) {
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

func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	var unknown strings.Builder
	for i := range 40 {
		fmt.Fprintf(&unknown, "x%d: 1\n", i)
	}
	for _, test := range []struct{ name, text, want string }{
		{"size", strings.Repeat("#", 1<<20) + "\n", "config.pbtxt: it has 1048577 bytes, the most is 1048576"},
		{"nesting", "\nx " + strings.Repeat("{ x ", 5000), "config.pbtxt: line 2, column 403: brackets nest more than 100 deep"},
		{"unknown fields", unknown.String(), "config.pbtxt: line 33, column 1: x32 is unknown, as are 32 other fields: is this text a model's configuration?"},
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
