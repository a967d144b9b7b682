package modelconfig

import (
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// The parameters of a load, which are the server's own.
const (
	loadTimeout      = "load_timeout"
	unloadBeforeLoad = "unload_before_load"
)

// LoadOptions are a model's own settings for its loads.
type LoadOptions struct {
	// Timeout bounds the load of a version with its warmups. 0: the server's setting.
	Timeout time.Duration
	// UnloadFirst says whether a version is unloaded before its replacement is loaded. nil:
	// the server's setting.
	UnloadFirst *bool
}

// ReadLoadOptions returns the settings for loads in the configuration's parameters. An error
// names the parameter, its value and the accepted values. config may be nil.
func ReadLoadOptions(config *inference.ModelConfig) (LoadOptions, error) {
	r := &report{source: fromFile}
	options := readLoadOptions(r, config)
	return options, r.err()
}

// readLoadOptions is ReadLoadOptions that adds its errors to r.
func readLoadOptions(r *report, config *inference.ModelConfig) (options LoadOptions) {
	parameters := config.GetParameters()
	if parameter, ok := parameters[loadTimeout]; ok {
		text := strings.TrimSpace(parameter.GetStringValue())
		limit, err := time.ParseDuration(text)
		if err != nil || limit <= 0 {
			r.problem("parameters[%q] is %q: use a duration above 0, such as 90s or 10m", loadTimeout, text)
		}
		options.Timeout = limit
	}
	if parameter, ok := parameters[unloadBeforeLoad]; ok {
		text := strings.TrimSpace(parameter.GetStringValue())
		first, err := strconv.ParseBool(text)
		if err != nil {
			r.problem("parameters[%q] is %q: use true or false", unloadBeforeLoad, text)
		}
		options.UnloadFirst = &first
	}
	return options
}
