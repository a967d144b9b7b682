package modelconfig

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var fuzzPlatforms = engine.Platforms{engine.ONNXRuntime}

// fuzzSignature is a model for every configuration that the fuzzer finds.
var fuzzSignature = &engine.Signature{
	Inputs:  []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{-1, 3}}, {Name: "s", DataType: tensor.Bytes}},
	Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.Int64, Shape: tensor.Shape{-1}}, {Name: "map"}},
}

// fuzzFile is short, so that the fuzzer does not spend its time on memory.
func fuzzFile(string) ([]byte, error) { return make([]byte, 24), nil }

// checkMessages fails the test when an error or a warning is not safe for clients.
func checkMessages(t *testing.T, source string, warnings []string, err error) {
	t.Helper()
	if err != nil {
		warnings = append(warnings, err.Error())
	}
	for _, text := range warnings {
		if !strings.HasPrefix(text, source) || !utf8.ValidString(text) || strings.ContainsAny(text, "\n\r\x00") || strings.Contains(text, "proto:") ||
			len(text) > (maxProblems+1)*(maxMessage+10) {
			t.Errorf("not safe for clients: %q", text)
		}
	}
}

// checkConfig passes an accepted configuration to every function of the package.
func checkConfig(t *testing.T, config *inference.ModelConfig) {
	t.Helper()
	text, err := JSON(config)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := ParseJSON(text, fuzzPlatforms)
	if len(text) <= maxText && (err != nil || !proto.Equal(back, config)) {
		t.Errorf("JSON does not round-trip: %s: %v", text, err)
	}
	if _, err := EngineOptions(config); err != nil {
		t.Errorf("validated options are rejected: %v", err)
	}
	if !isLocalPath(ModelFile(config, engine.ONNXRuntime)) {
		t.Errorf("the model's file is %q", ModelFile(config, engine.ONNXRuntime))
	}
	if n := Instances(config); n < 0 || n > maxInstances+len(config.GetInstanceGroup()) {
		t.Errorf("%d instances", n)
	}
	SelectVersions(config, []int64{3, 1, 2})
	completed, err := Complete(config, "m", engine.ONNXRuntime, fuzzSignature)
	checkMessages(t, "config.pbtxt: ", nil, err)
	if err != nil {
		return
	}
	again, err := Complete(completed, "m", engine.ONNXRuntime, fuzzSignature)
	if err != nil || !proto.Equal(again, completed) {
		t.Errorf("a completed configuration changes again: %v", err)
	}
	for _, warmup := range completed.GetModelWarmup() {
		if warmup.GetBatchSize() > 100 {
			return
		}
		for _, input := range warmup.GetInputs() {
			if n, err := tensor.Shape(input.GetDims()).Elements(); err != nil || n > 1000 {
				return
			}
		}
	}
	warmups, err := Warmups(completed, fuzzSignature, fuzzFile)
	checkMessages(t, "config.pbtxt: ", nil, err)
	for _, warmup := range warmups {
		if err := fuzzSignature.CheckInputs(warmup.Inputs); err != nil {
			t.Errorf("a warmup request does not fit: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.pbtxt"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{
		"-", "x:-", "x: - 1", "x {}", "x <[{>", "[a.b/c]: {}", "x: 'a' \"b\"; y: 1", "é: 1\nname: \"é\" z: 1 max_batch_size: é", "#", "x: \"\\", "input{key:1}parameters{key:1}",
		`max_batch_size: 2 model_warmup { batch_size: 2 inputs { key: "x" value { dims: 3 random_data: true } } inputs { key: "s" value { dims: 6 input_data_file: "a" } } }`,
	} {
		f.Add([]byte(text))
	}
	positioned := regexp.MustCompile(`^config\.pbtxt: line [1-9][0-9]*, column [1-9][0-9]*: .`)
	f.Fuzz(func(t *testing.T, text []byte) {
		config, warnings, err := Parse(text, fuzzPlatforms)
		checkMessages(t, "config.pbtxt: ", warnings, err)
		if _, unknown, bad := unmarshalText(text); len(text) <= maxText && (bad != nil || len(unknown) > 0) {
			for _, e := range append(unknown, bad) {
				if e != nil && (e.line > bytes.Count(text, []byte("\n"))+1 || e.offset(text) > len(text)) {
					t.Errorf("%v is past the end", e)
				}
			}
			if bad != nil && !positioned.MatchString(err.Error()) {
				t.Errorf("no position: %v", err)
			}
		}
		if err != nil {
			return
		}
		// prototext that discards unknown fields must read the same.
		want := &inference.ModelConfig{}
		lenient := prototext.UnmarshalOptions{DiscardUnknown: true}
		if err := lenient.Unmarshal(bytes.TrimPrefix(text, []byte("\ufeff")), want); err == nil && !proto.Equal(want, config) {
			t.Errorf("read %v, want %v", config, want)
		}
		checkConfig(t, config)
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"name":"m","max_batch_size":2,"input":[{"name":"x","data_type":"TYPE_FP32","dims":["-1",3]}]}`, `{"a":{"b":[{}]},"input":[{"c":null}]}`,
		`{"instanceGroup":[{"kind":"KIND_CPU","count":2},{"kind":7}]}`, `{"parameters":{"execution_mode":{"string_value":"1"}}}`, `[`, `{"name":"é`,
		`{"dynamic_batching":{"priority_queue_policy":{"1":{"timeout_action":"DELAY"}}}}`, `{"modelMetrics":{"metricControl":[{"histogramOptions":{"buckets":[1e300,"NaN"]}}]}}`,
		`{"version_policy":{"latest":{"num_versions":"2"}},"optimization":{"graph":{"level":-1}},"output":[{"name":"y","label_filename":"a"}]}`,
		`{"model_warmup":[{"inputs":{"x":{"dims":[1,3],"zero_data":true},"s":{"random_data":true}}}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, warnings, err := ParseJSON(text, fuzzPlatforms)
		checkMessages(t, "config: ", warnings, err)
		if err == nil {
			checkConfig(t, config)
		}
	})
}
