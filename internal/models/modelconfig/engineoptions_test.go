package modelconfig_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

func TestEngineOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		config string
		want   engine.LoadOptions
	}{
		{``, engine.LoadOptions{}},
		{
			`parameters { key: "intra_op_thread_count" value { string_value: " 4" } } parameters { key: "inter_op_thread_count" value { string_value: "2" } } parameters { key: "execution_mode" value { string_value: "1" } }`,
			engine.LoadOptions{IntraOpThreads: 4, InterOpThreads: 2, Parallel: true},
		},
		{`optimization { graph { level: -1 } }`, engine.LoadOptions{Optimization: engine.OptimizeBasic}},
		{`optimization { graph { level: 1 } }`, engine.LoadOptions{Optimization: engine.OptimizeExtended}},
		{`optimization { graph { level: 2 } }`, engine.LoadOptions{Optimization: engine.OptimizeNone}},
		{`parameters { key: "graph_optimization_level" value { string_value: "0" } }`, engine.LoadOptions{Optimization: engine.OptimizeNone}},
		{`parameters { key: "graph_optimization_level" value { string_value: "1" } }`, engine.LoadOptions{Optimization: engine.OptimizeBasic}},
		{`parameters { key: "graph_optimization_level" value { string_value: "99" } }`, engine.LoadOptions{}},
		{
			`parameters { key: "graph_optimization_level" value { string_value: "2" } } optimization { graph { level: 1 } }`,
			engine.LoadOptions{Optimization: engine.OptimizeExtended},
		},
		{
			`parameters { key: "run_timeout" value { string_value: "90s" } } parameters { key: "worker_memory" value { string_value: "2GiB" } }`,
			engine.LoadOptions{RunTimeout: 90 * time.Second, MemoryLimit: 2 << 30},
		},
		{
			`parameters { key: "enable_mem_arena" value { string_value: "0" } } parameters { key: "enable_mem_pattern" value { string_value: "False" } }`,
			engine.LoadOptions{NoArena: true, NoMemPattern: true},
		},
		{`parameters { key: "enable_mem_arena" value { string_value: "1" } } parameters { key: "enable_mem_pattern" value { string_value: "true" } }`, engine.LoadOptions{}},
		{`parameters { key: "memory.enable_memory_arena_shrinkage" value { string_value: "cpu:0" } }`, engine.LoadOptions{Shrinking: engine.ShrinkEveryRun}},
		{`parameters { key: "memory.enable_memory_arena_shrinkage" value { string_value: "" } }`, engine.LoadOptions{Shrinking: engine.ShrinkNever}},
		{`parameters { key: "max_output_bytes" value { string_value: "1000" } }`, engine.LoadOptions{MaxOutputBytes: 1000}},
	} {
		if got, err := modelconfig.EngineOptions(parse(t, test.config)); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.config, got, err)
		}
	}
	if got, err := modelconfig.EngineOptions(nil); err != nil || got != (engine.LoadOptions{}) {
		t.Errorf("without a configuration: %+v, %v", got, err)
	}
	bad := &inference.ModelConfig{Parameters: map[string]*inference.ModelParameter{"execution_mode": {StringValue: "parallel"}}}
	if _, err := modelconfig.EngineOptions(bad); err == nil || err.Error() != `config.pbtxt: parameters["execution_mode"] is "parallel": use 0 (sequential) or 1 (parallel)` {
		t.Error(err)
	}
}

// A value that Triton or ONNX Runtime would not accept names the parameter and what is
// accepted.
func TestBadMemoryParameters(t *testing.T) {
	t.Parallel()
	const shrinkage = "memory.enable_memory_arena_shrinkage"
	for _, test := range []struct {
		parameters map[string]string
		want       string
	}{
		{map[string]string{"enable_mem_arena": "on"}, `parameters["enable_mem_arena"] is "on": use 1 (enabled) or 0 (disabled)`},
		{map[string]string{"enable_mem_pattern": ""}, `parameters["enable_mem_pattern"] is "": use 1 (enabled) or 0 (disabled)`},
		{map[string]string{shrinkage: "gpu:0"}, `parameters["memory.enable_memory_arena_shrinkage"] is "gpu:0": use "cpu:0" (after every run) or "" (never)`},
		{map[string]string{shrinkage: "1"}, `parameters["memory.enable_memory_arena_shrinkage"] is "1": use "cpu:0" (after every run) or "" (never)`},
		{
			map[string]string{shrinkage: "cpu:0", "enable_mem_arena": "0"},
			`parameters["memory.enable_memory_arena_shrinkage"] is "cpu:0", but parameters["enable_mem_arena"] disables the arena: remove one of them`,
		},
		{map[string]string{"max_output_bytes": "0"}, `parameters["max_output_bytes"] is "0": use a number of bytes above 0`},
		{map[string]string{"max_output_bytes": "1GiB"}, `parameters["max_output_bytes"] is "1GiB": use a number of bytes above 0`},
		{map[string]string{"max_output_bytes": "9223372036854775808"}, `parameters["max_output_bytes"] is "9223372036854775808": use a number of bytes above 0`},
	} {
		config := &inference.ModelConfig{Parameters: map[string]*inference.ModelParameter{}}
		for key, value := range test.parameters {
			config.Parameters[key] = &inference.ModelParameter{StringValue: value}
		}
		if _, err := modelconfig.EngineOptions(config); err == nil || err.Error() != "config.pbtxt: "+test.want {
			t.Errorf("%v: error %v", test.parameters, err)
		}
	}
}

func TestSelectVersions(t *testing.T) {
	t.Parallel()
	available := []int64{2, 9, 5, 7}
	for _, test := range []struct {
		config        string
		want, missing []int64
	}{
		{``, []int64{9}, nil},
		{`version_policy { latest { } }`, []int64{9}, nil},
		{`version_policy { latest { num_versions: 3 } }`, []int64{9, 7, 5}, nil},
		{`version_policy { latest { num_versions: 4294967295 } }`, []int64{9, 7, 5, 2}, nil},
		{`version_policy { all { } }`, []int64{9, 7, 5, 2}, nil},
		{`version_policy { specific { versions: [3, 2, 7, 8, 3] } }`, []int64{7, 2}, []int64{3, 8}},
		{`version_policy { specific { versions: 1 } }`, nil, []int64{1}},
	} {
		config := parse(t, test.config)
		if got := modelconfig.SelectVersions(config, available); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.config, got, test.want)
		}
		if got := modelconfig.MissingVersions(config, available); !slices.Equal(got, test.missing) {
			t.Errorf("%s: %v are missing, want %v", test.config, got, test.missing)
		}
	}
	if !slices.Equal(available, []int64{2, 9, 5, 7}) {
		t.Errorf("SelectVersions modified its argument: %v", available)
	}
	if got := modelconfig.SelectVersions(nil, nil); len(got) != 0 {
		t.Errorf("%v of none", got)
	}
}

func TestDataTypesConvertBothWays(t *testing.T) {
	t.Parallel()
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		theirs := modelconfig.ProtoDataType(d)
		if want := "TYPE_" + d.String(); theirs.String() != want && (d != tensor.Bytes || theirs != inference.DataType_TYPE_STRING) {
			t.Errorf("%v is %v", d, theirs)
		}
		if back := modelconfig.DataTypeOf(theirs); back != d {
			t.Errorf("%v comes back as %v", d, back)
		}
	}
	if d := modelconfig.DataTypeOf(99); d != tensor.Invalid {
		t.Errorf("99 is %v", d)
	}
	if d := modelconfig.ProtoDataType(99); d != inference.DataType_TYPE_INVALID {
		t.Errorf("99 is %v", d)
	}
}
