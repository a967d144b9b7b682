package modelconfig

import (
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// booleans are the values that Triton accepts for a boolean parameter, in any case.
var booleans = map[string]bool{"1": true, "true": true, "0": false, "false": false}

// cpuArena names the only arena of a CPU, as ONNX Runtime's run option does
// (onnxruntime_run_options_config_keys.h).
const cpuArena = "cpu:0"

// readMemory reads the parameters about memory into options, and adds errors to r.
func readMemory(r *report, parameters map[string]*inference.ModelParameter, options *engine.LoadOptions) {
	disabled := func(key string) bool {
		parameter, ok := parameters[key]
		if !ok {
			return false
		}
		enabled, ok := booleans[strings.ToLower(strings.TrimSpace(parameter.GetStringValue()))]
		if !ok {
			r.problem("parameters[%q] is %q: use 1 (enabled) or 0 (disabled)", key, parameter.GetStringValue())
		}
		return ok && !enabled
	}
	options.NoArena, options.NoMemPattern = disabled(memArena), disabled(memPattern)
	if parameter, ok := parameters[arenaShrinkage]; ok {
		options.Shrinking = shrinking(r, parameter.GetStringValue(), options.NoArena)
	}
	if parameter, ok := parameters[maxOutputBytes]; ok {
		n, err := strconv.ParseInt(strings.TrimSpace(parameter.GetStringValue()), 10, 64)
		if err != nil || n <= 0 {
			r.problem("parameters[%q] is %q: use a number of bytes above 0", maxOutputBytes, parameter.GetStringValue())
		}
		options.MaxOutputBytes = n
	}
}

// shrinking returns when the arena shrinks, from the value of its parameter.
func shrinking(r *report, value string, noArena bool) engine.Shrinking {
	switch {
	case value == "":
		return engine.ShrinkNever
	case value != cpuArena:
		r.problem("parameters[%q] is %q: use %q (after every run) or %q (never)", arenaShrinkage, value, cpuArena, "")
	case noArena:
		r.problem("parameters[%q] is %q, but parameters[%q] disables the arena: remove one of them", arenaShrinkage, value, memArena)
	}
	return engine.ShrinkEveryRun
}
