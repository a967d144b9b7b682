package modelconfig_test

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

func TestPlatformIsOneOfTheServers(t *testing.T) {
	t.Parallel()
	plan := engine.Platform{Name: "other_plan", Backend: "other", ModelFile: "model.plan"}
	two := engine.Platforms{engine.ONNXRuntime, plan}
	for _, test := range []struct {
		text, want, err string
	}{
		{text: ``, want: "onnxruntime_onnx"},
		{text: `platform: "other_plan"`, want: "other_plan"},
		{text: `backend: "other"`, want: "other_plan"},
		{text: `platform: "other_plan" backend: "other"`, want: "other_plan"},
		{text: `platform: "python"`, err: `config.pbtxt: platform is "python", available: "onnxruntime_onnx", "other_plan"; use one of these or remove platform`},
		{text: `backend: "python"`, err: `config.pbtxt: backend is "python", available: "onnxruntime", "other"; use one of these or remove backend`},
		{text: `platform: "other_plan" backend: "onnxruntime"`, err: `config.pbtxt: platform "other_plan" does not run on backend "onnxruntime": remove one of them`},
		{text: `platform: "other_plan" default_model_filename: "a//b"`, err: `config.pbtxt: default_model_filename is "a//b": use a relative path in the version's directory, such as "model.plan"`},
	} {
		config, _, err := modelconfig.Parse([]byte(test.text), two)
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: %v\nwant %s", test.text, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.text, err)
		}
		platform := modelconfig.Platform(config, two)
		if platform.Name != test.want || modelconfig.ModelFile(config, platform) != platform.ModelFile {
			t.Errorf("%s: platform %+v, want %s", test.text, platform, test.want)
		}
	}
	if got := modelconfig.Platform(nil, two); got != engine.ONNXRuntime {
		t.Errorf("without a configuration: %+v", got)
	}
}
