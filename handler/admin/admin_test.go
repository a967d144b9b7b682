package admin_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealthAndMetadata(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1, 3)
	m.Versions, m.Config = []string{"2", "10"}, &inference.ModelConfig{Name: "m", Platform: "onnxruntime_onnx", MaxBatchSize: 4}
	lifecycle := &telemetry.Lifecycle{}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m}, handlertest.Options{Version: "v1.2.3", Lifecycle: lifecycle})
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
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "'two'")

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
	if config, err := client.ModelConfig(ctx, &inference.ModelConfigRequest{Name: "m", Version: "2"}); err != nil || !proto.Equal(config.GetConfig(), m.Config) {
		t.Errorf("%v, %v", config, err)
	}
	_, err = client.ModelMetadata(ctx, &inference.ModelMetadataRequest{Name: "nobody"})
	handlertest.WantError(t, err, connect.CodeNotFound, "Request for unknown model", `"nobody"`)
	_, err = client.ModelConfig(ctx, &inference.ModelConfigRequest{Name: "m", Version: "3"})
	handlertest.WantError(t, err, connect.CodeNotFound, "Request for unknown model", "3")
}

func TestStatisticsCountWhatWasServed(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1)
	m.Versions, m.Config = []string{"1", "2"}, &inference.ModelConfig{MaxBatchSize: 4}
	m.Compute = func(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
		return &engine.Result{Outputs: inputs, Timings: engine.Timings{Queue: time.Second, Compute: 2 * time.Second}}, nil
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": m, "other": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	before := uint64(time.Now().UnixMilli())
	for _, values := range [][]float32{{1, 2, 3}, {1}} {
		if _, err := client.ModelInfer(t.Context(), handlertest.VectorRequest("", values...)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.ModelInfer(t.Context(), handlertest.VectorRequest("", 1, 2, 3, 4, 5)); err == nil {
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
	handlertest.WantError(t, err, connect.CodeNotFound, "Request for unknown model")
	_, err = client.ModelStatistics(t.Context(), &inference.ModelStatisticsRequest{Version: "1"})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "name is empty")
}

func TestRepositoryIndex(t *testing.T) {
	client := handlertest.Client(handlertest.New(handlertest.States{}, handlertest.Options{}).OIP)
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
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "repository_name")
	if ready, err := client.ModelReady(t.Context(), &inference.ModelReadyRequest{Name: "m", Version: "10"}); err != nil || ready.GetReady() {
		t.Errorf("%v, %v", ready, err)
	}
	_, err = client.ModelMetadata(t.Context(), &inference.ModelMetadataRequest{Name: "m", Version: "1"})
	handlertest.WantError(t, err, connect.CodeUnavailable, "bad model")
	_, err = client.ModelConfig(t.Context(), &inference.ModelConfigRequest{Name: "m", Version: "10"})
	handlertest.WantError(t, err, connect.CodeUnavailable, "loading")
}

func TestModelsAreLoadedAndUnloadedByRequest(t *testing.T) {
	service, fake := handlertest.OIP(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{})
	client := handlertest.Client(service)
	ctx := t.Context()
	text := func(v string) *inference.ModelRepositoryParameter {
		return &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_StringParam{StringParam: v}}
	}
	content := func(v string) *inference.ModelRepositoryParameter {
		return &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_BytesParam{BytesParam: []byte(v)}}
	}
	truth := &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_BoolParam{BoolParam: true}}
	type given = map[string]*inference.ModelRepositoryParameter

	if _, err := client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "a"}); err != nil || fake.Given != nil {
		t.Errorf("%v, %v", fake.Given, err)
	}
	_, err := client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "b", Parameters: given{"config": text("{}"), "file:1/model.onnx": content("model")}})
	if err != nil || string(fake.Given.Config) != "{}" || len(fake.Given.Files) != 1 || string(fake.Given.Files["1/model.onnx"]) != "model" {
		t.Errorf("%v, %v", fake.Given, err)
	}
	if _, err := client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "b", Parameters: given{"unload_dependents": truth}}); err != nil {
		t.Error(err)
	}
	if want := []string{"load a", "load b", "unload b"}; !slices.Equal(fake.Calls, want) {
		t.Errorf("%q, want %q", fake.Calls, want)
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
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "model_name")
	_, err = client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{RepositoryName: "r", ModelName: "a"})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "repository_name")
	_, err = client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, "model_name")
	_, err = client.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: "a", Parameters: given{"force": truth}})
	handlertest.WantError(t, err, connect.CodeInvalidArgument, `"force"`)
	if len(fake.Calls) != 3 {
		t.Errorf("bad requests came through: %q", fake.Calls)
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
		fake.Err = test.err
		_, err = client.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: "a"})
		handlertest.WantError(t, err, test.code, test.says)
	}
}

func TestLogSettings(t *testing.T) {
	levels, err := telemetry.ParseLogLevels("warn")
	if err != nil {
		t.Fatal(err)
	}
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{LogLevels: levels})
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
	for _, format := range []string{"default", "ISO8601"} {
		got, err := client.LogSettings(t.Context(), &inference.LogSettingsRequest{Settings: settings{"log_format": text(format)}})
		if err != nil || got.GetSettings()["log_format"].GetStringParam() != format {
			t.Errorf("log_format %s: %v, %v", format, got, err)
		}
	}
	if !levels.Info() || !levels.Warning() || levels.Error() || levels.Verbose() != 1 {
		t.Errorf("the log's levels are %v", levels)
	}
	for name, test := range map[string]struct {
		settings settings
		code     connect.Code
	}{
		"log_file":          {settings{"log_file": text("/etc/passwd")}, connect.CodeUnimplemented},
		"log_format":        {settings{"log_format": text("JSON")}, connect.CodeInvalidArgument},
		"log_info":          {settings{"log_info": text("true")}, connect.CodeInvalidArgument},
		"log_verbose_level": {settings{"log_verbose_level": truth(true), "log_warning": truth(false)}, connect.CodeInvalidArgument},
		"log_colour":        {settings{"log_colour": truth(true), "log_warning": truth(false)}, connect.CodeInvalidArgument},
	} {
		_, err := client.LogSettings(t.Context(), &inference.LogSettingsRequest{Settings: test.settings})
		handlertest.WantError(t, err, test.code, name)
	}
	if !levels.Warning() {
		t.Error("a request with a wrong setting changed another")
	}
}

func TestTheServersNameIsASetting(t *testing.T) {
	models := infertest.Repository(t, nil)
	for given, want := range map[string]string{"": "tensorwire", "models-eu": "models-eu"} {
		got, err := admin.New(models, admin.Options{Name: given}).ServerMetadata(t.Context(), nil)
		if err != nil || got.GetName() != want {
			t.Errorf("%q: %v, %v", given, got, err)
		}
	}
}

func TestTraceSettings(t *testing.T) {
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{})
	type settings = map[string]*inference.TraceSettingRequest_SettingValue
	for _, s := range []settings{nil, {"trace_level": {Value: []string{"OFF"}}}, {"trace_level": {}}, {"trace_count": {Value: []string{"-1"}}, "log_frequency": {}, "trace_file": {Value: []string{""}}}} {
		got, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{Settings: s, ModelName: "m"})
		if err != nil || len(got.GetSettings()) != 6 || got.GetSettings()["trace_rate"].GetValue()[0] != "1000" || got.GetSettings()["trace_mode"].GetValue()[0] != "triton" || !slices.Equal(got.GetSettings()["trace_level"].GetValue(), []string{"OFF"}) {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}
	for name, s := range map[string]settings{"trace_level": {"trace_level": {Value: []string{"TIMESTAMPS"}}}, "trace_rate": {"trace_rate": {Value: []string{"1"}}}} {
		_, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{Settings: s})
		handlertest.WantError(t, err, connect.CodeUnimplemented, name, "does not change trace settings")
	}
	_, err := client.TraceSetting(t.Context(), &inference.TraceSettingRequest{ModelName: "nobody"})
	handlertest.WantError(t, err, connect.CodeNotFound)
}

func TestSharedMemoryIsOffByDefault(t *testing.T) {
	client := handlertest.OIPClient(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{})
	ctx := t.Context()
	_, err := client.SystemSharedMemoryStatus(ctx, &inference.SystemSharedMemoryStatusRequest{})
	handlertest.WantError(t, err, connect.CodeUnimplemented, "shared memory is off (allow-shared-memory)")
	_, err = client.SystemSharedMemoryRegister(ctx, &inference.SystemSharedMemoryRegisterRequest{Name: "r", Key: "k", ByteSize: 1})
	handlertest.WantError(t, err, connect.CodeUnimplemented, "shared memory is off (allow-shared-memory)")
	_, err = client.SystemSharedMemoryUnregister(ctx, &inference.SystemSharedMemoryUnregisterRequest{})
	handlertest.WantError(t, err, connect.CodeUnimplemented, "shared memory is off (allow-shared-memory)")
	if res, err := client.CudaSharedMemoryStatus(ctx, &inference.CudaSharedMemoryStatusRequest{}); err != nil || len(res.GetRegions()) > 0 {
		t.Errorf("the regions are %v, %v", res, err)
	}
	_, err = client.CudaSharedMemoryStatus(ctx, &inference.CudaSharedMemoryStatusRequest{Name: "r"})
	handlertest.WantError(t, err, connect.CodeNotFound, `"r"`, "CUDA")
	_, err = client.CudaSharedMemoryRegister(ctx, &inference.CudaSharedMemoryRegisterRequest{})
	handlertest.WantError(t, err, connect.CodeUnimplemented, "CUDA")
	if _, err := client.CudaSharedMemoryUnregister(ctx, &inference.CudaSharedMemoryUnregisterRequest{}); err != nil {
		t.Error(err)
	}
}
