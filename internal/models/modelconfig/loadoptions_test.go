package modelconfig_test

import (
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

func TestReadLoadOptions(t *testing.T) {
	t.Parallel()
	if got, err := modelconfig.ReadLoadOptions(nil); err != nil || got != (modelconfig.LoadOptions{}) {
		t.Errorf("without a configuration: %+v, %v", got, err)
	}
	got, err := modelconfig.ReadLoadOptions(parse(t, `parameters { key: "load_timeout" value { string_value: " 90s " } } parameters { key: "unload_before_load" value { string_value: "true" } }`))
	if err != nil || got.Timeout != 90*time.Second || got.UnloadFirst == nil || !*got.UnloadFirst {
		t.Errorf("%+v, %v", got, err)
	}
	for key, bad := range map[string]map[string]string{
		"load_timeout": {
			"90": `config.pbtxt: parameters["load_timeout"] is "90": use a duration above 0, such as 90s or 10m`,
			"0s": `config.pbtxt: parameters["load_timeout"] is "0s": use a duration above 0, such as 90s or 10m`,
			"":   `config.pbtxt: parameters["load_timeout"] is "": use a duration above 0, such as 90s or 10m`,
		},
		"unload_before_load": {"first": `config.pbtxt: parameters["unload_before_load"] is "first": use true or false`},
	} {
		for value, want := range bad {
			config := &inference.ModelConfig{Parameters: map[string]*inference.ModelParameter{key: {StringValue: value}}}
			if _, err := modelconfig.ReadLoadOptions(config); err == nil || err.Error() != want {
				t.Errorf("%s %q: %v", key, value, err)
			}
		}
	}
}
