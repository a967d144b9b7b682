package handler_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestHealthAndMetadata(t *testing.T) {
	m := echo(tensor.FP32, -1, 3)
	m.versions, m.config = []string{"2", "10"}, &inference.ModelConfig{Name: "m", Platform: "onnxruntime_onnx", MaxBatchSize: 4}
	lifecycle := &telemetry.Lifecycle{}
	client := serveInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{Version: "v1.2.3", Lifecycle: lifecycle})
	ctx := t.Context()
	if live, err := client.ServerLive(ctx, &inference.ServerLiveRequest{}); err != nil || !live.GetLive() {
		t.Errorf("%v, %v", live, err)
	}
	for _, want := range []bool{false, true} {
		lifecycle.SetReady(want)
		if ready, err := client.ServerReady(ctx, &inference.ServerReadyRequest{}); err != nil || ready.GetReady() != want {
			t.Errorf("%v, %v, want %v", ready, err, want)
		}
	}
	for _, test := range []struct {
		name, version string
		want          bool
	}{{"m", "", true}, {"m", "2", true}, {"m", "3", false}, {"nobody", "", false}} {
		if ready, err := client.ModelReady(ctx, &inference.ModelReadyRequest{Name: test.name, Version: test.version}); err != nil || ready.GetReady() != test.want {
			t.Errorf("%+v: %v, %v", test, ready, err)
		}
	}
	_, err := client.ModelReady(ctx, &inference.ModelReadyRequest{Name: "m", Version: "two"})
	says(t, err, connect.CodeInvalidArgument, "'two'")

	server, err := client.ServerMetadata(ctx, &inference.ServerMetadataRequest{})
	if err != nil || server.GetName() != "tensorwire" || server.GetVersion() != "v1.2.3" || !slices.Contains(server.GetExtensions(), "classification") || slices.Contains(server.GetExtensions(), "system_shared_memory") {
		t.Errorf("%v, %v", server, err)
	}
	meta, err := client.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "m"})
	want := &inference.ModelMetadataResponse{
		Name: "m", Versions: []string{"2", "10"}, Platform: "onnxruntime_onnx",
		Inputs:  []*inference.ModelMetadataResponse_TensorMetadata{{Name: "x", Datatype: "FP32", Shape: []int64{-1, 3}}},
		Outputs: []*inference.ModelMetadataResponse_TensorMetadata{{Name: "y", Datatype: "FP32", Shape: []int64{-1, 3}}},
	}
	if err != nil || !proto.Equal(meta, want) {
		t.Errorf("%v, %v", meta, err)
	}
	if config, err := client.ModelConfig(ctx, &inference.ModelConfigRequest{Name: "m", Version: "2"}); err != nil || !proto.Equal(config.GetConfig(), m.config) {
		t.Errorf("%v, %v", config, err)
	}
	_, err = client.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "nobody"})
	says(t, err, connect.CodeNotFound, "Request for unknown model", `"nobody"`)
	_, err = client.ModelConfig(ctx, &inference.ModelConfigRequest{Name: "m", Version: "3"})
	says(t, err, connect.CodeNotFound, "Request for unknown model", "3")
}

// TestTheConfigurationNarrowsTheModel holds requests to the dimensions and outputs that
// a configuration gives, and metadata to the same.
func TestTheConfigurationNarrowsTheModel(t *testing.T) {
	m := &fakeModel{
		inputs: []engine.TensorSpec{{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{-1, 2, -1}}, {Name: "k", DataType: tensor.Int64, Shape: tensor.Shape{}}, {Name: "any", DataType: tensor.FP32}},
		outputs: []engine.TensorSpec{
			{Name: "y", DataType: tensor.FP32, Shape: tensor.Shape{-1, 2, -1}}, {Name: "l", DataType: tensor.Int64, Shape: tensor.Shape{}}, {Name: "hidden", DataType: tensor.FP32},
		},
		config: &inference.ModelConfig{
			Input:  []*inference.ModelInput{{Name: "any", Dims: []int64{1}}, {Name: "x", Dims: []int64{-1, 2, 3}}, {Name: "k", Dims: []int64{1}}},
			Output: []*inference.ModelOutput{{Name: "l", Dims: []int64{1}}, {Name: "y", Dims: []int64{-1, -1, 3}}},
		},
	}
	client := serveInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{})
	meta, err := client.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: "m"})
	if err != nil || len(meta.GetInputs()) != 3 || len(meta.GetOutputs()) != 2 || !slices.Equal(meta.GetInputs()[0].GetShape(), []int64{-1, 2, 3}) ||
		!slices.Equal(meta.GetInputs()[1].GetShape(), []int64{1}) || !slices.Equal(meta.GetInputs()[2].GetShape(), []int64{1}) || !slices.Equal(meta.GetOutputs()[0].GetShape(), []int64{-1, 2, 3}) {
		t.Errorf("%v, %v", meta, err)
	}
	request := func(shape ...int64) *inference.ModelInferRequest {
		return &inference.ModelInferRequest{
			ModelName: "m", RawInputContents: [][]byte{make([]byte, 4*shape[0]*shape[1]*shape[2]), make([]byte, 8), make([]byte, 4)},
			Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", shape...), input("k", "INT64", 1), input("any", "FP32", 1)},
		}
	}
	// The outputs that are offered are all that come, and a scalar comes as it is
	// configured, whether it was given so or as a scalar.
	for _, scalar := range [][]int64{{1}, {}, {1, 1}} {
		req := request(1, 2, 3)
		req.Inputs[1].Shape = scalar
		res, err := client.ModelInfer(t.Context(), req)
		if err != nil || len(res.GetOutputs()) != 2 || res.GetOutputs()[1].GetName() != "l" || !slices.Equal(res.GetOutputs()[1].GetShape(), []int64{1}) {
			t.Errorf("%v: %v, %v", scalar, res, err)
		}
	}
	_, err = client.ModelInfer(t.Context(), request(1, 2, 4))
	says(t, err, connect.CodeInvalidArgument, `input "x"`, "[1, 2, 4]", "[-1, 2, 3]")
	req := request(1, 2, 3)
	req.Inputs[1].Shape = []int64{2}
	_, err = client.ModelInfer(t.Context(), req)
	says(t, err, connect.CodeInvalidArgument, `input "k"`)
	req = request(1, 2, 3)
	req.Outputs = asked("hidden")
	_, err = client.ModelInfer(t.Context(), req)
	says(t, err, connect.CodeInvalidArgument, `output "hidden"`, `"y"`)
}

func TestStatisticsCountWhatWasServed(t *testing.T) {
	m := echo(tensor.FP32, -1)
	m.versions, m.config = []string{"1", "2"}, &inference.ModelConfig{MaxBatchSize: 4}
	m.run = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		return &engine.Result{Outputs: inputs, Timings: engine.Timings{Queue: time.Second, Compute: 2 * time.Second}}, nil
	}
	client := serveInference(t, map[string]*fakeModel{"m": m, "other": echo(tensor.FP32, -1)}, handler.InferenceOptions{})
	before := uint64(time.Now().UnixMilli())
	for _, values := range [][]float32{{1, 2, 3}, {1}} {
		if _, err := client.ModelInfer(t.Context(), vectorRequest("", values...)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.ModelInfer(t.Context(), vectorRequest("", 1, 2, 3, 4, 5)); err == nil {
		t.Fatal("a batch of 5 was taken")
	}
	all, err := client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{})
	if err != nil || len(all.GetModelStats()) != 3 || all.GetModelStats()[1].GetVersion() != "2" || all.GetModelStats()[2].GetName() != "other" {
		t.Fatalf("%v, %v", all, err)
	}
	if one, err := client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "m"}); err != nil || len(one.GetModelStats()) != 2 {
		t.Errorf("%v, %v", one, err)
	}
	res, err := client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "m", Version: "2"})
	if err != nil || len(res.GetModelStats()) != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	got := res.GetModelStats()[0]
	steps := got.GetInferenceStats()
	if got.GetInferenceCount() != 4 || got.GetExecutionCount() != 2 || steps.GetSuccess().GetCount() != 2 || steps.GetFail().GetCount() != 1 {
		t.Errorf("%v", got)
	}
	if steps.GetQueue().GetNs() < 2e9 || steps.GetComputeInfer().GetNs() != 4e9 || steps.GetComputeInput().GetCount() != 2 || steps.GetComputeOutput().GetCount() != 2 {
		t.Errorf("%v", steps)
	}
	if len(got.GetBatchStats()) != 2 || got.GetBatchStats()[1].GetBatchSize() != 3 || got.GetBatchStats()[1].GetComputeInfer().GetNs() != 2e9 {
		t.Errorf("%v", got.GetBatchStats())
	}
	if got.GetLastInference() < before || all.GetModelStats()[0].GetLastInference() != 0 {
		t.Errorf("the last inferences were at %d and %d", got.GetLastInference(), all.GetModelStats()[0].GetLastInference())
	}
	_, err = client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Name: "nobody"})
	says(t, err, connect.CodeNotFound, "Request for unknown model")
	_, err = client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Version: "1"})
	says(t, err, connect.CodeInvalidArgument, "name is empty")
}

func TestAQueueThatTakesLongerThanTheTimeout(t *testing.T) {
	m := echo(tensor.FP32, -1)
	m.instances = 1
	began := make(chan struct{}, 1)
	m.run = func(ctx context.Context, _ []tensor.Tensor) (*engine.Result, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client := serveInference(t, map[string]*fakeModel{"m": m}, handler.InferenceOptions{})
	holding, let := context.WithCancel(t.Context())
	held := make(chan struct{})
	go func() {
		defer close(held)
		_, _ = client.ModelInfer(holding, vectorRequest("", 1)) // cancelled
	}()
	defer func() { let(); <-held }()
	<-began
	req := vectorRequest("", 1)
	req.Parameters = parameters{"timeout": int64Param(1000), "priority": {ParameterChoice: &inference.InferParameter_Uint64Param{Uint64Param: 1}}, "sequence_id": int64Param(0), "mine": stringParam("x")}
	_, err := client.ModelInfer(t.Context(), req)
	says(t, err, connect.CodeUnavailable, "timed out in the queue")
	// The caller's own deadline stays one.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	req.Parameters = parameters{"timeout": int64Param(60_000_000)}
	_, err = client.ModelInfer(ctx, req)
	says(t, err, connect.CodeDeadlineExceeded)
}

// states is a repository in every state.
type states struct{ handler.Repository }

func (states) Snapshot() *repository.Snapshot {
	version := func(number int64, state repository.State, reason string) *repository.Version {
		return &repository.Version{Model: "m", Number: number, State: state, Reason: reason}
	}
	return &repository.Snapshot{Models: []*repository.Model{
		{Name: "m", Versions: []*repository.Version{
			version(10, repository.Loading, ""), version(9, repository.Unloading, ""),
			version(2, repository.Ready, "the last load failed"), version(1, repository.Unavailable, "bad model"),
		}},
		{Name: "never"},
		{Name: "none", Reason: "no version directories"},
	}}
}

func TestRepositoryIndex(t *testing.T) {
	client := inferenceClient(handler.NewInference(states{}, handler.InferenceOptions{}))
	for ready, want := range map[bool][]string{
		false: {"m/1/UNAVAILABLE/bad model", "m/2/READY/the last load failed", "m/9/UNLOADING/", "m/10/LOADING/", "never///", "none///no version directories"},
		true:  {"m/2/READY/the last load failed"},
	} {
		index, err := client.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{Ready: ready})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range index.GetModels() {
			got = append(got, fmt.Sprintf("%s/%s/%s/%s", m.GetName(), m.GetVersion(), m.GetState(), m.GetReason()))
		}
		if !slices.Equal(got, want) {
			t.Errorf("ready %v: %q, want %q", ready, got, want)
		}
	}
	_, err := client.RepositoryIndex(t.Context(), &inference.RepositoryIndexRequest{RepositoryName: "r"})
	says(t, err, connect.CodeInvalidArgument, "repository_name")
	if ready, err := client.ModelReady(t.Context(), &inference.ModelReadyRequest{Name: "m", Version: "10"}); err != nil || ready.GetReady() {
		t.Errorf("%v, %v", ready, err)
	}
	_, err = client.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: "m", Version: "1"})
	says(t, err, connect.CodeUnavailable, "bad model")
	_, err = client.ModelConfig(t.Context(), &inference.ModelConfigRequest{Name: "m", Version: "10"})
	says(t, err, connect.CodeUnavailable, "loading")
}

func TestModelsAreLoadedAndUnloadedByRequest(t *testing.T) {
	service, fake := newInference(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{})
	client := inferenceClient(service)
	ctx := t.Context()
	text := func(v string) *inference.ModelRepositoryParameter {
		return &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_StringParam{StringParam: v}}
	}
	content := func(v string) *inference.ModelRepositoryParameter {
		return &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_BytesParam{BytesParam: []byte(v)}}
	}
	truth := &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_BoolParam{BoolParam: true}}
	type given = map[string]*inference.ModelRepositoryParameter

	if _, err := client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "a"}); err != nil || fake.given != nil {
		t.Errorf("%v, %v", fake.given, err)
	}
	_, err := client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "b", Parameters: given{"config": text("{}"), "file:1/model.onnx": content("model")}})
	if err != nil || string(fake.given.Config) != "{}" || len(fake.given.Files) != 1 || string(fake.given.Files["1/model.onnx"]) != "model" {
		t.Errorf("%v, %v", fake.given, err)
	}
	if _, err := client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "b", Parameters: given{"unload_dependents": truth}}); err != nil {
		t.Error(err)
	}
	if want := []string{"load a", "load b", "unload b"}; !slices.Equal(fake.calls, want) {
		t.Errorf("%q, want %q", fake.calls, want)
	}

	for name, parameters := range map[string]given{
		"other": {"other": text("x")}, "other bytes": {"config": text("{}"), "other": content("x")}, "config": {"config": content("{}")},
		"a file of text": {"config": text("{}"), "file:1/model.onnx": text("x")}, "empty": {"config": {}},
		"file:1/model.onnx without": {"file:1/model.onnx": content("x")},
		"file:../../etc/passwd":     {"config": text("{}"), "file:../../etc/passwd": content("x")},
		"file:/etc/passwd":          {"config": text("{}"), "file:/etc/passwd": content("x")},
		"file:1/../../m/1/model":    {"config": text("{}"), "file:1/../../m/1/model": content("x")},
		"file:":                     {"config": text("{}"), "file:": content("x")},
	} {
		_, err := client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "a", Parameters: parameters})
		if connect.CodeOf(err) != connect.CodeInvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{})
	says(t, err, connect.CodeInvalidArgument, "model_name")
	_, err = client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{RepositoryName: "r", ModelName: "a"})
	says(t, err, connect.CodeInvalidArgument, "repository_name")
	_, err = client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{})
	says(t, err, connect.CodeInvalidArgument, "model_name")
	_, err = client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "a", Parameters: given{"force": truth}})
	says(t, err, connect.CodeInvalidArgument, `"force"`)
	if len(fake.calls) != 3 {
		t.Errorf("bad requests came through: %q", fake.calls)
	}

	for _, test := range []struct {
		err  error
		code connect.Code
		says string
	}{
		{fmt.Errorf("%w: %q: bad file", repository.ErrLoad, "a"), connect.CodeInvalidArgument, "failed to load"},
		{repository.ErrControl, connect.CodeUnavailable, "not loaded by request"},
		{errors.New("a secret"), connect.CodeInternal, ""},
	} {
		fake.err = test.err
		_, err = client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "a"})
		says(t, err, test.code, test.says)
	}
}

func TestLogSettings(t *testing.T) {
	levels, err := telemetry.ParseLogLevels("warn")
	if err != nil {
		t.Fatal(err)
	}
	client := serveInference(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{LogLevels: levels})
	type settings = map[string]*inference.LogSettingsRequest_SettingValue
	truth := func(v bool) *inference.LogSettingsRequest_SettingValue {
		return &inference.LogSettingsRequest_SettingValue{ParameterChoice: &inference.LogSettingsRequest_SettingValue_BoolParam{BoolParam: v}}
	}
	level := &inference.LogSettingsRequest_SettingValue{ParameterChoice: &inference.LogSettingsRequest_SettingValue_Uint32Param{Uint32Param: 1}}
	text := func(v string) *inference.LogSettingsRequest_SettingValue {
		return &inference.LogSettingsRequest_SettingValue{ParameterChoice: &inference.LogSettingsRequest_SettingValue_StringParam{StringParam: v}}
	}
	got, err := client.LogSettings(t.Context(), &inference.LogSettingsRequest{})
	if err != nil || got.GetSettings()["log_info"].GetBoolParam() || !got.GetSettings()["log_warning"].GetBoolParam() || got.GetSettings()["log_format"].GetStringParam() != "ISO8601" || got.GetSettings()["log_verbose_level"].GetUint32Param() != 0 {
		t.Errorf("%v, %v", got, err)
	}
	got, err = client.LogSettings(t.Context(), &inference.LogSettingsRequest{Settings: settings{"log_info": truth(true), "log_error": truth(false), "log_verbose_level": level, "log_format": text("ISO8601")}})
	if err != nil || !got.GetSettings()["log_info"].GetBoolParam() || got.GetSettings()["log_error"].GetBoolParam() || got.GetSettings()["log_verbose_level"].GetUint32Param() != 1 {
		t.Errorf("%v, %v", got, err)
	}
	if !levels.Info() || !levels.Warning() || levels.Error() || levels.Verbose() != 1 {
		t.Errorf("the log's levels are %v", levels)
	}
	for name, test := range map[string]struct {
		settings settings
		code     connect.Code
	}{
		"log_file":          {settings{"log_file": text("/etc/passwd")}, connect.CodeUnimplemented},
		"log_format":        {settings{"log_format": text("default")}, connect.CodeInvalidArgument},
		"log_info":          {settings{"log_info": text("true")}, connect.CodeInvalidArgument},
		"log_verbose_level": {settings{"log_verbose_level": truth(true), "log_warning": truth(false)}, connect.CodeInvalidArgument},
		"log_colour":        {settings{"log_colour": truth(true), "log_warning": truth(false)}, connect.CodeInvalidArgument},
	} {
		_, err := client.LogSettings(t.Context(), &inference.LogSettingsRequest{Settings: test.settings})
		says(t, err, test.code, name)
	}
	if !levels.Warning() {
		t.Error("a request with a wrong setting changed another")
	}
}

func TestTraceSettings(t *testing.T) {
	client := serveInference(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{})
	type settings = map[string]*inference.TraceSettingRequest_SettingValue
	for _, s := range []settings{nil, {"trace_level": {Value: []string{"OFF"}}}, {"trace_level": {}}} {
		got, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{Settings: s, ModelName: "m"})
		if err != nil || len(got.GetSettings()) != 1 || !slices.Equal(got.GetSettings()["trace_level"].GetValue(), []string{"OFF"}) {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	for name, s := range map[string]settings{"trace_level": {"trace_level": {Value: []string{"TIMESTAMPS"}}}, "trace_rate": {"trace_rate": {Value: []string{"1"}}}} {
		_, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{Settings: s})
		says(t, err, connect.CodeUnimplemented, name, "does not trace")
	}
	_, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{ModelName: "nobody"})
	says(t, err, connect.CodeNotFound)
}

func TestSharedMemory(t *testing.T) {
	dir := t.TempDir()
	object := make([]byte, 64)
	copy(object[8:], tensor.AsBytes([]float32{1, 2, 3, 4}))
	if err := os.WriteFile(filepath.Join(dir, "o"), object, 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	t.Cleanup(func() { _ = regions.Close() })
	client := serveInference(t, map[string]*fakeModel{"m": echo(tensor.FP32, -1), "strings": echo(tensor.Bytes, -1), "two": two()}, handler.InferenceOptions{SharedMemory: regions})
	ctx := t.Context()
	if _, err := client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/o", Offset: 8, ByteSize: 56}); err != nil {
		t.Fatal(err)
	}
	_, err := client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "/o", ByteSize: 8})
	says(t, err, connect.CodeAlreadyExists, `"r"`)
	_, err = client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "s", Key: "../o", ByteSize: 8})
	says(t, err, connect.CodeInvalidArgument, `"../o"`)
	status, err := client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{})
	if r := status.GetRegions()["r"]; err != nil || len(status.GetRegions()) != 1 || r.GetKey() != "/o" || r.GetOffset() != 8 || r.GetByteSize() != 56 {
		t.Errorf("%v, %v", status, err)
	}

	span := func(offset, size int64) parameters {
		return parameters{"shared_memory_region": stringParam("r"), "shared_memory_offset": int64Param(offset), "shared_memory_byte_size": int64Param(size)}
	}
	request := func(elements int64, in, out parameters) *inference.ModelInferRequest {
		req := &inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{input("x", "FP32", elements)}, Outputs: asked("y")}
		req.Inputs[0].Parameters, req.Outputs[0].Parameters = in, out
		return req
	}
	res, err := client.ModelInfer(ctx, request(4, span(0, 16), span(32, 20)))
	if err != nil {
		t.Fatal(err)
	}
	out := res.GetOutputs()[0]
	if len(res.GetRawOutputContents()) != 1 || len(res.GetRawOutputContents()[0]) != 0 || !slices.Equal(out.GetShape(), []int64{4}) || out.GetParameters()["shared_memory_byte_size"].GetInt64Param() != 16 || out.GetParameters()["shared_memory_region"].GetStringParam() != "r" {
		t.Errorf("%v", res)
	}
	got, err := os.ReadFile(filepath.Join(dir, "o"))
	if err != nil || !slices.Equal(got[40:56], tensor.AsBytes([]float32{1, 2, 3, 4})) {
		t.Errorf("the object holds %v, %v", got, err)
	}
	// One input in shared memory, one raw; answers keep their places.
	mixed, err := client.ModelInfer(ctx, &inference.ModelInferRequest{
		ModelName: "two", RawInputContents: [][]byte{tensor.AsBytes([]int64{7})},
		Inputs:  []*inference.ModelInferRequest_InferInputTensor{{Name: "a", Datatype: "FP32", Shape: []int64{1}, Parameters: span(4, 4)}, input("b", "INT64", 1)},
		Outputs: []*inference.ModelInferRequest_InferRequestedOutputTensor{{Name: "c", Parameters: span(48, 4)}, {Name: "d"}},
	})
	if err != nil || len(mixed.GetRawOutputContents()) != 2 || len(mixed.GetRawOutputContents()[0]) != 0 || !slices.Equal(mixed.GetRawOutputContents()[1], tensor.AsBytes([]int64{7})) {
		t.Errorf("%v, %v", mixed, err)
	}

	both := request(4, span(0, 16), nil)
	both.Inputs[0].Contents = &inference.InferTensorContents{Fp32Contents: []float32{1, 2, 3, 4}}
	classes := request(4, span(0, 16), span(32, 16))
	classes.Outputs[0].Parameters["classification"] = int64Param(1)
	strings := request(1, span(0, 16), nil) // what is there is no string
	strings.ModelName, strings.Inputs[0].Datatype = "strings", "BYTES"
	unknown := request(4, span(0, 16), nil)
	unknown.Inputs[0].Parameters["shared_memory_region"] = stringParam("nobody")
	for name, test := range map[string]struct {
		req  *inference.ModelInferRequest
		code connect.Code
		says []string
	}{
		"size and shape":          {request(4, span(0, 12), nil), connect.CodeInvalidArgument, []string{`input "x"`, "12", "16"}},
		"past the region":         {request(4, span(48, 16), nil), connect.CodeInvalidArgument, []string{`input "x"`, `"r"`, "56"}},
		"negative offset":         {request(4, span(-8, 16), nil), connect.CodeInvalidArgument, []string{`input "x"`, "shared_memory_offset", "-8"}},
		"unknown region":          {unknown, connect.CodeNotFound, []string{`input "x"`, `"nobody"`}},
		"output too large":        {request(4, span(0, 16), span(32, 15)), connect.CodeInvalidArgument, []string{`output "y"`, "16", "15"}},
		"output past the region":  {request(4, span(0, 16), span(56, 16)), connect.CodeInvalidArgument, []string{`output "y"`}},
		"shared and typed":        {both, connect.CodeInvalidArgument, []string{`input "x"`, "shared_memory_region", "fp32_contents"}},
		"shared and classes":      {classes, connect.CodeInvalidArgument, []string{`output "y"`, "classes"}},
		"strings that are none":   {strings, connect.CodeInvalidArgument, []string{`input "x"`, "BYTES element 0"}},
		"a raw entry too many":    {&inference.ModelInferRequest{ModelName: "m", RawInputContents: [][]byte{{}}, Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "x", Datatype: "FP32", Shape: []int64{4}, Parameters: span(0, 16)}}}, connect.CodeInvalidArgument, []string{"raw_input_contents has 1", "0 inputs"}},
		"overflow of the numbers": {request(4, span(1<<62, 1<<62), nil), connect.CodeInvalidArgument, []string{`input "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.ModelInfer(ctx, test.req)
			says(t, err, test.code, test.says...)
		})
	}

	if err := os.Truncate(filepath.Join(dir, "o"), 10); err != nil {
		t.Fatal(err)
	}
	_, err = client.ModelInfer(ctx, request(4, span(0, 16), nil))
	says(t, err, connect.CodeInvalidArgument, `input "x"`, "10 bytes")
	if _, err := client.SystemSharedMemoryUnregister(ctx, &inference.SystemSharedMemoryUnregisterRequest{Name: "r"}); err != nil {
		t.Error(err)
	}
	_, err = client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{Name: "r"})
	says(t, err, connect.CodeNotFound, `"r"`)
}

func TestSharedMemoryThatIsNotToBeHad(t *testing.T) {
	client := serveInference(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{})
	ctx := t.Context()
	_, err := client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{})
	says(t, err, connect.CodeUnimplemented, "--allow-shared-memory")
	_, err = client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "k", ByteSize: 1})
	says(t, err, connect.CodeUnimplemented, "--allow-shared-memory")
	_, err = client.SystemSharedMemoryUnregister(ctx, &inference.SystemSharedMemoryUnregisterRequest{})
	says(t, err, connect.CodeUnimplemented, "--allow-shared-memory")
	if res, err := client.CudaSharedMemoryStatus(ctx, &inference.CudaSharedMemoryStatusRequest{}); err != nil || len(res.GetRegions()) > 0 {
		t.Errorf("the regions are %v, %v", res, err)
	}
	_, err = client.CudaSharedMemoryStatus(ctx, &inference.CudaSharedMemoryStatusRequest{Name: "r"})
	says(t, err, connect.CodeNotFound, `"r"`, "CUDA")
	_, err = client.CudaSharedMemoryRegister(ctx, &inference.CudaSharedMemoryRegisterRequest{})
	says(t, err, connect.CodeUnimplemented, "CUDA")
	if _, err := client.CudaSharedMemoryUnregister(ctx, &inference.CudaSharedMemoryUnregisterRequest{}); err != nil {
		t.Error(err)
	}
}

func TestPredictorCountsInTheStatistics(t *testing.T) {
	client, r := serve(t, map[string]model{"m": vector}, handler.PredictorOptions{})
	for i := range 3 {
		req := &modelserving.InferenceRequest{TensorData: make([]float32, 3*(i+1))}
		if i == 2 {
			req.TensorData = req.GetTensorData()[1:]
		}
		if _, err := client.Predict(t.Context(), req); (err != nil) != (i == 2) {
			t.Errorf("request %d: %v", i, err)
		}
	}
	sums := r.Snapshot().Models[0].Newest().Statistics.Sums()
	if sums.Success.Count != 2 || sums.Fail.Count != 1 || sums.Inferences != 2 || sums.InFlight != 0 {
		t.Errorf("%+v", sums)
	}
}
