package modelconfig_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// Parameters override the server's limits for a model.
func TestLimitsOfAModel(t *testing.T) {
	t.Parallel()
	defaults := modelconfig.ServerDefaults{MaxRun: time.Minute, ProbeBytes: 7}
	for config, want := range map[string]struct {
		maxRun time.Duration
		probe  int64
	}{
		``: {time.Minute, 7},
		`parameters { key: "run_timeout" value { string_value: "90s" } }`:           {90 * time.Second, 7},
		`parameters { key: "probe_input_bytes" value { string_value: "1000000" } }`: {time.Minute, 1_000_000},
		`parameters { key: "probe_input_bytes" value { string_value: "0" } }`:       {time.Minute, -1},
	} {
		complete, err := modelconfig.Complete(parse(t, config), "m", engine.ONNXRuntime, &engine.Signature{})
		if err != nil {
			t.Fatal(err)
		}
		if options := modelconfig.SchedulerOptions(complete, defaults); options.MaxRun != want.maxRun || options.ProbeBytes != want.probe {
			t.Errorf("%s: %v and %d, want %+v", config, options.MaxRun, options.ProbeBytes, want)
		}
	}
}

func TestLimitsOfAModelAreChecked(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		`parameters { key: "run_timeout" value { string_value: "90" } }`:         `parameters["run_timeout"] is "90": use a duration above 0, such as 30s or 5m`,
		`parameters { key: "run_timeout" value { string_value: "-1s" } }`:        `parameters["run_timeout"] is "-1s": use a duration above 0, such as 30s or 5m`,
		`parameters { key: "probe_input_bytes" value { string_value: "64kB" } }`: `parameters["probe_input_bytes"] is "64kB": use a number of bytes, 0 to keep none`,
		`parameters { key: "probe_input_bytes" value { string_value: "-1" } }`:   `parameters["probe_input_bytes"] is "-1": use a number of bytes, 0 to keep none`,
		`parameters { key: "worker_memory" value { string_value: "0" } }`:        `parameters["worker_memory"] is "0": use a size above 0, such as 512MiB or 2GiB`,
		`parameters { key: "worker_memory" value { string_value: "2 GiBi" } }`:   `parameters["worker_memory"] is "2 GiBi": use a size above 0, such as 512MiB or 2GiB`,
	} {
		if _, _, err := modelconfig.Parse([]byte(config), platforms); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}
