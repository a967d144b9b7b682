package app

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// The models of TestConfigurationsAsTheyArePublished.
var (
	f32  = onnxtest.Float32
	i64  = onnxtest.Int64
	unit = onnxtest.Unary
	// image has fixed sizes, detector dynamic ones, tokens two inputs.
	imageGraph = unit("Relu", f32, 1, 3, 8, 8)
	detector   = unit("Relu", f32, "batch", 3, "height", "width")
	vector     = unit("Relu", f32, "batch", 6)
	scalar     = unit("Relu", f32, "batch")
	rank0      = unit("Relu", f32)
	tokens     = onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Mul", Inputs: []string{"input_ids", "attention_mask"}, Outputs: []string{"last_hidden_state"}}},
		Inputs:  []onnxtest.Value{{Name: "input_ids", Elem: i64, Dims: []any{"batch", "sequence"}}, {Name: "attention_mask", Elem: i64, Dims: []any{"batch", "sequence"}}},
		Outputs: []onnxtest.Value{{Name: "last_hidden_state", Elem: i64, Dims: []any{"batch", "sequence"}}},
	}
)

// Configurations as public repositories have them, with small models. want is empty for one
// that loads, and otherwise a part of the reason, which names the field and the remedy.
func TestConfigurationsAsTheyArePublished(t *testing.T) {
	const onnxPlatform = `platform: "onnxruntime_onnx" `
	io := func(x, y string) string {
		return onnxPlatform + fmt.Sprintf(`input [ { name: "x" data_type: TYPE_FP32 %s } ] output [ { name: "y" data_type: TYPE_FP32 %s } ]`, x, y)
	}
	for name, test := range map[string]struct {
		graph        onnxtest.Graph
		config, want string
	}{
		"reshape":                {imageGraph, io(`dims: [ 3, 8, 8 ] reshape { shape: [ 1, 3, 8, 8 ] }`, `dims: [ 3, 8, 8 ] reshape { shape: [ 1, 3, 8, 8 ] }`), ""},
		"reshape_colon":          {imageGraph, io(`dims: [ 3, 8, 8 ] reshape: { shape: [ 1, 3, 8, 8 ] }`, `dims: [ 1, 3, 8, 8 ]`), ""},
		"reshape_flat":           {imageGraph, io(`dims: [ 192 ] reshape { shape: [ 1, 3, 8, 8 ] }`, `dims: [ 192 ] reshape { shape: [ 1, 3, 8, 8 ] }`), ""},
		"reshape_nchw_dynamic":   {detector, io(`dims: [ 3, -1, -1 ] reshape { shape: [ 1, 3, -1, -1 ] }`, `dims: [ -1, 3, -1, -1 ]`), ""},
		"reshape_batch":          {detector, `max_batch_size: 8 ` + io(`dims: [ 3, 64 ] reshape { shape: [ 3, 8, 8 ] }`, `dims: [ 3, -1, -1 ]`), ""},
		"reshape_scalar_batch":   {scalar, `max_batch_size: 16 ` + io(`dims: [ 1 ] reshape { shape: [ ] }`, `dims: [ 1 ] reshape { shape: [ ] }`), ""},
		"reshape_scalar":         {rank0, io(`dims: [ 1 ] reshape { shape: [ ] }`, `dims: [ 1 ] reshape { }`), ""},
		"reshape_auto_output":    {vector, onnxPlatform + `max_batch_size: 2 input { name: "x" data_type: TYPE_FP32 dims: [ 2, 3 ] reshape { shape: [ 6 ] } }`, ""},
		"reshape_count":          {imageGraph, io(`dims: [ 3, 8, 9 ] reshape { shape: [ 1, 3, 8, 8 ] }`, `dims: [ 1, 3, 8, 8 ]`), `input "x": dims and reshape.shape do not fit: [3, 8, 9] has 216 elements, and [1, 3, 8, 8] has 192: use shapes with equal numbers`},
		"reshape_other_model":    {imageGraph, io(`dims: [ 3, 8, 8 ] reshape { shape: [ 3, 1, 8, 8 ] }`, `dims: [ 1, 3, 8, 8 ]`), `input "x": reshape.shape is [3, 1, 8, 8], but the model has shape [1, 3, 8, 8]: use the model's shape`},
		"reshape_dynamic_number": {detector, io(`dims: [ 3, -1 ] reshape { shape: [ 1, 3, -1, -1 ] }`, `dims: [ -1, 3, -1, -1 ]`), `[3, -1] has 1 dynamic dimensions, and [1, 3, -1, -1] has 2: use as many`},
		"reshape_no_batch":       {imageGraph, `max_batch_size: 8 ` + io(`dims: [ 192 ] reshape { shape: [ 3, 8, 8 ] }`, `dims: [ 3, 8, 8 ]`), `its first dimension, which is the batch and must be dynamic (-1) because max_batch_size is 8`},
		"reshape_batch_in_shape": {detector, `max_batch_size: 8 ` + io(`dims: [ 3, 8, 8 ] reshape { shape: [ 1, 3, 8, 8 ] }`, `dims: [ 3, -1, -1 ]`), `input "x": reshape.shape is [1, 3, 8, 8] (with the batch dimension [-1, 1, 3, 8, 8]), but the model has shape [-1, 3, -1, -1]`},
		"reshape_zero":           {vector, io(`dims: [ 0 ] reshape { shape: [ 0, 6 ] }`, `dims: [ -1, 6 ]`), `[0] has 0: use sizes from 1, or -1`},
		"reshape_no_dims":        {vector, io(`reshape { shape: [ 1, 6 ] }`, `dims: [ -1, 6 ]`), `input "x": reshape is set and dims is missing: set dims`},
		"reshape_unknown":        {vector, onnxPlatform + `input { name: "z" data_type: TYPE_FP32 dims: [ 6 ] reshape { shape: [ 1, 6 ] } }`, `input "z" is not an input of the model, which has "x": use its names`},

		"minimal":           {vector, `name: "minimal" ` + onnxPlatform + `max_batch_size: 8`, ""},
		"empty":             {vector, ``, ""},
		"only_backend":      {vector, `backend: "onnxruntime" max_batch_size: 4`, ""},
		"dynamic_batching":  {vector, `max_batch_size: 32 ` + io(`dims: [ 6 ]`, `dims: [ 6 ]`) + ` dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }`, ""},
		"instance_gpu":      {vector, `max_batch_size: 32 ` + io(`dims: [ 6 ]`, `dims: [ 6 ]`) + ` instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]`, ""},
		"instance_cpu":      {vector, io(`dims: [ -1, 6 ]`, `dims: [ -1, 6 ]`) + ` instance_group [ { count: 2 kind: KIND_CPU } ]`, ""},
		"tensorrt":          {vector, io(`dims: [ -1, 6 ]`, `dims: [ -1, 6 ]`) + ` optimization { execution_accelerators { gpu_execution_accelerator : [ { name : "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }`, ""},
		"openvino":          {vector, `optimization { execution_accelerators { cpu_execution_accelerator : [ { name : "openvino" } ] } } `, ""},
		"pinned":            {vector, `optimization { input_pinned_memory { enable: true } output_pinned_memory { enable: true } graph { level: 1 } }`, ""},
		"threads":           {vector, `parameters { key: "intra_op_thread_count" value: { string_value: "2" } } parameters { key: "execution_mode" value { string_value: "0" } }`, ""},
		"bert":              {tokens, `max_batch_size: 16 input [ { name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] }, { name: "attention_mask" data_type: TYPE_INT64 dims: [ -1 ] } ] output [ { name: "last_hidden_state" data_type: TYPE_INT64 dims: [ -1 ] } ]`, ""},
		"bert_one_input":    {tokens, `max_batch_size: 16 input [ { name: "input_ids" data_type: TYPE_INT64 dims: [ -1 ] } ]`, `input lacks "attention_mask", which the model requires: add it`},
		"versions":          {vector, `version_policy: { all { } }`, ""},
		"specific":          {vector, `version_policy: { specific: { versions: [ 1 ] } }`, ""},
		"specific_missing":  {vector, `version_policy: { specific: { versions: [ 7 ] } }`, `version_policy names version 7, but there is no directory 7`},
		"cache":             {vector, `max_batch_size: 4 response_cache { enable: true }`, ""},
		"queue":             {vector, `max_batch_size: 4 dynamic_batching { default_queue_policy { timeout_action: REJECT default_timeout_microseconds: 1000000 max_queue_size: 100 } }`, ""},
		"warm":              {vector, `max_batch_size: 4 model_warmup [ { name: "w" batch_size: 1 inputs: { key: "x" value: { data_type: TYPE_FP32 dims: [ 6 ] random_data: true } } } ]`, ""},
		"warm_reshaped":     {vector, `max_batch_size: 4 ` + io(`dims: [ 2, 3 ] reshape { shape: [ 6 ] }`, `dims: [ 6 ]`) + ` model_warmup [ { inputs: { key: "x" value: { data_type: TYPE_FP32 dims: [ 6 ] zero_data: true } } } ]`, `.dims is [6], which makes shape [1, 6]: use sizes that fit the model's shape [-1, 2, 3]`},
		"filename":          {vector, `default_model_filename: "net.onnx"`, "filename/1/net.onnx is missing"},
		"filename_path":     {vector, `default_model_filename: "../1/model.onnx"`, `default_model_filename is "../1/model.onnx": use a relative path in the version's directory`},
		"wrong_type":        {vector, onnxPlatform + `input [ { name: "x" data_type: TYPE_FP16 dims: [ -1, 6 ] } ]`, `input "x" has data_type TYPE_FP16, but the model has TYPE_FP32`},
		"wrong_dims":        {vector, io(`dims: [ 1, 7 ]`, `dims: [ -1, 6 ]`), `input "x" has dims [1, 7], but the model has shape [-1, 6]`},
		"wrong_output":      {vector, onnxPlatform + `output [ { name: "probs" data_type: TYPE_FP32 dims: [ 6 ] } ]`, `output "probs" is not an output of the model, which has "y": use its names`},
		"batch_of_fixed":    {imageGraph, `max_batch_size: 8 ` + io(`dims: [ 3, 8, 8 ]`, `dims: [ 3, 8, 8 ]`), `max_batch_size is 8, but input "x" of the model has shape [1, 3, 8, 8] without a batch dimension (-1): remove max_batch_size`},
		"ensemble":          {vector, `platform: "ensemble" ensemble_scheduling { step [ { model_name: "a" model_version: -1 } ] }`, `ensemble_scheduling is not supported: serve the models of the ensemble`},
		"python":            {vector, `backend: "python"`, `backend is "python", available: "onnxruntime"`},
		"sequence":          {vector, `sequence_batching { max_sequence_idle_microseconds: 5000000 }`, `sequence_batching is not supported`},
		"decoupled":         {vector, `model_transaction_policy { decoupled: True }`, `model_transaction_policy.decoupled is not supported`},
		"coupled":           {vector, `model_transaction_policy { decoupled: False }`, ""},
		"ragged":            {vector, `max_batch_size: 4 ` + io(`dims: [ 6 ] allow_ragged_batch: true`, `dims: [ 6 ]`), `input["x"].allow_ragged_batch is not supported`},
		"metric_tags":       {vector, `metric_tags: { key: "team" value: "vision" }`, ""},
		"cc_filenames":      {vector, `cc_model_filenames: [ { key: "7.5" value: "a.onnx" } ]`, ""},
		"rate_limiter":      {vector, `instance_group [ { count: 1 kind: KIND_CPU rate_limiter { resources [ { name: "R1" count: 4 } ] priority: 2 } } ]`, ""},
		"unknown_parameter": {vector, `parameters: { key: "FORCE_CPU_ONLY_INPUT_TENSORS" value: { string_value: "no" } }`, ""},
		"wrong_name":        {vector, `name: "other"`, `name is "other", but the model's directory is "wrong_name": use the directory's name or remove name`},
		"syntax":            {vector, `max_batch_size 8`, `config.pbtxt: line 1, column `},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.graph.Write(t, filepath.Join(dir, name, "1/model.onnx"))
			writeText(t, filepath.Join(dir, name, "config.pbtxt"), test.config)
			call := serve(t, dir, func(c *config.Config) { c.Isolation = config.IsolationOff })
			_, text := call("POST", "/v2/repository/index", "")
			var index []struct{ State, Reason string }
			if err := json.Unmarshal([]byte(text), &index); err != nil || len(index) != 1 {
				t.Fatal(text, err)
			}
			if (index[0].State == "READY") != (test.want == "") || !strings.Contains(index[0].Reason, test.want) {
				t.Fatalf("state %s, reason %s\nwant %s", index[0].State, index[0].Reason, test.want)
			}
			if test.want != "" {
				return
			}
			// A client that sets up a model may send the completed configuration back.
			if status, completed := call("GET", "/v2/models/"+name+"/config", ""); status != 200 || !strings.Contains(completed, `"optimization":{`) {
				t.Errorf("configuration: %d %s", status, completed)
			}
		})
	}
}
