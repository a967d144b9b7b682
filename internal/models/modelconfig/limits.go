package modelconfig

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/bytesize"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// The parameters that override settings of the server for a model. They have the names of
// the settings.
const (
	runTimeout      = "run_timeout"
	probeInputBytes = "probe_input_bytes"
	workerMemory    = "worker_memory"
)

// applyLimits applies the parameters of a checked configuration.
func applyLimits(options *scheduler.Options, config *inference.ModelConfig) {
	maxRun, probeBytes := readLimits(&report{}, config)
	options.MaxRun = cmp.Or(maxRun, options.MaxRun)
	options.ProbeBytes = cmp.Or(probeBytes, options.ProbeBytes)
}

// readLimits returns the parameters, 0 where there is none, and -1 for no inputs to keep.
// It adds their errors to r.
func readLimits(r *report, config *inference.ModelConfig) (maxRun time.Duration, probeBytes int64) {
	if parameter, ok := config.GetParameters()[runTimeout]; ok {
		text := strings.TrimSpace(parameter.GetStringValue())
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			r.problem("parameters[%q] is %q: use a duration above 0, such as 30s or 5m", runTimeout, parameter.GetStringValue())
		}
		maxRun = d
	}
	if parameter, ok := config.GetParameters()[probeInputBytes]; ok {
		n, err := strconv.ParseInt(strings.TrimSpace(parameter.GetStringValue()), 10, 64)
		if err != nil || n < 0 {
			r.problem("parameters[%q] is %q: use a number of bytes, 0 to keep none", probeInputBytes, parameter.GetStringValue())
		}
		if probeBytes = n; n == 0 {
			probeBytes = -1
		}
	}
	return maxRun, probeBytes
}

// readWorkerMemory returns the memory limit of the model's worker in bytes, 0 where the
// server's applies. It adds an error to r.
func readWorkerMemory(r *report, config *inference.ModelConfig) int64 {
	parameter, ok := config.GetParameters()[workerMemory]
	if !ok {
		return 0
	}
	size, err := bytesize.Parse(strings.TrimSpace(parameter.GetStringValue()))
	if err != nil || size <= 0 {
		r.problem("parameters[%q] is %q: use a size above 0, such as 512MiB or 2GiB", workerMemory, parameter.GetStringValue())
	}
	return int64(size)
}
