package modelconfig_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

func TestJSONHasTritonsFormat(t *testing.T) {
	t.Parallel()
	config := parse(t, `name: "<m>" max_batch_size: 2 version_policy { specific { versions: [9007199254740993] } }
		input { name: "x" data_type: TYPE_FP32 dims: [-1, 3] }
		dynamic_batching { max_queue_delay_microseconds: 18446744073709551615 priority_levels: 10 default_priority_level: 1
			priority_queue_policy { key: 10 value { } } priority_queue_policy { key: 2 value { default_timeout_microseconds: 5 } } }
		model_metrics { metric_control { histogram_options { buckets: [0.5, 1e30, inf] } } }`)
	got, err := modelconfig.JSON(config)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"\u003cm\u003e","platform":"","version_policy":{"specific":{"versions":[9007199254740993]}},"max_batch_size":2,` +
		`"input":[{"name":"x","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[-1,3],"is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,"is_non_linear_format_io":false}],` +
		`"output":[],"instance_group":[],"default_model_filename":"","cc_model_filenames":{},"metric_tags":{},` +
		`"dynamic_batching":{"preferred_batch_size":[],"max_queue_delay_microseconds":18446744073709551615,"preserve_ordering":false,"priority_levels":10,"default_priority_level":1,"priority_queue_policy":{` +
		`"10":{"timeout_action":"REJECT","default_timeout_microseconds":0,"allow_timeout_override":false,"max_queue_size":0},` +
		`"2":{"timeout_action":"REJECT","default_timeout_microseconds":5,"allow_timeout_override":false,"max_queue_size":0}}},` +
		`"parameters":{},"model_warmup":[],"backend":"","batch_input":[],"batch_output":[],"runtime":"",` +
		`"model_metrics":{"metric_control":[{"histogram_options":{"buckets":[0.5,1e+30,"Infinity"]}}]}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !json.Valid(got) {
		t.Error("it is not JSON")
	}
	back, _, err := modelconfig.ParseJSON(got, platforms)
	if err != nil || !proto.Equal(back, config) {
		t.Errorf("it does not round-trip: %v, %v", back, err)
	}
	if got, err := modelconfig.JSON(nil); err != nil || !strings.HasPrefix(string(got), `{"name":""`) {
		t.Errorf("without a configuration: %s, %v", got, err)
	}
}

func TestParseJSONAcceptsEveryForm(t *testing.T) {
	t.Parallel()
	config, warnings, err := modelconfig.ParseJSON([]byte(`{
		"name": "m", "maxBatchSize": "4", "version_policy": {"specific": {"versions": [1, "2", 3.0]}}, "sequence_batching": null,
		"input": [{"name": "x", "data_type": 11, "dims": ["-1", 3]}],
		"dynamicBatching": {"max_queue_delay_microseconds": "100", "priorityLevels": 1, "default_priority_level": "1", "priority_queue_policy": {"1": {"maxQueueSize": 7, "speed": 1}}},
		"instance_group": [{"kind": "KIND_GPU", "color": "red"}], "parameters": {"execution_mode": {"string_value": "1", "note": {}}},
		"flavour": [{}]}`), platforms)
	if err != nil {
		t.Fatal(err)
	}
	same(t, config, `name: "m" max_batch_size: 4 version_policy { specific { versions: [1, 2, 3] } }
		input { name: "x" data_type: TYPE_FP32 dims: [-1, 3] }
		dynamic_batching { max_queue_delay_microseconds: 100 priority_levels: 1 default_priority_level: 1 priority_queue_policy { key: 1 value { max_queue_size: 7 } } }
		instance_group { kind: KIND_GPU } parameters { key: "execution_mode" value { string_value: "1" } }`)
	want := []string{
		`config: unknown field dynamicBatching.priority_queue_policy["1"].speed is ignored`,
		`config: unknown field flavour is ignored`,
		`config: unknown field instance_group[0].color is ignored`,
		`config: unknown field parameters["execution_mode"].note is ignored`,
		`config: instance_group[0].kind is KIND_GPU: the model runs on the CPU, and the group's count is ignored`,
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("warnings\n%s", strings.Join(warnings, "\n"))
	}
}

func TestParseJSONErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{`{"name": "m",` + "\n" + `  "max_batch_size": many}`, `config: line 2, column 21: invalid value many`},
		{`{"name": "m"`, `config: line 1, column 13: unexpected end of text: a value or a closing bracket is missing`},
		{`[]`, `config: line 1, column 1: unexpected token [`},
		{`{"input": [{"dims": [1.5]}]}`, `config: line 1, column 22: invalid value for int64 field dims: 1.5`},
		{`{"input": [{"name": "x", "data_type": "FP32"}]}`, `config: input[0].data_type is "FP32": it takes one of TYPE_BOOL, `},
		{`{"instance_group": [{"kind": 9}]}`, `config: instance_group[0].kind is 9: it takes one of KIND_AUTO, `},
		{`{"backend": "python"}`, `config: backend is "python", available: "onnxruntime"; use one of these or remove backend`},
		{`{"name": "` + strings.Repeat("x", 1<<20) + `"}`, `config: the text has 1048588 bytes, the limit is 1048576`},
	} {
		config, _, err := modelconfig.ParseJSON([]byte(test.text), platforms)
		if err == nil || config != nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%.60s: %v\nwant %s", test.text, err, test.want)
		}
	}
}

func TestJSONWritesUnknownEnumNumbers(t *testing.T) {
	t.Parallel()
	got, err := modelconfig.JSON(&inference.ModelConfig{InstanceGroup: []*inference.ModelInstanceGroup{{Kind: 9}}})
	if err != nil || !strings.Contains(string(got), `"kind":9`) {
		t.Errorf("%s, %v", got, err)
	}
}
