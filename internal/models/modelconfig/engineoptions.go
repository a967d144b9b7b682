package modelconfig

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxThreads bounds the threads that a model may ask for: each takes memory, and a
// slip of the hand should not take the machine.
const maxThreads = 1024

// The parameters that are followed: those of ONNX Runtime that Triton's backend reads,
// and graph_optimization_level, which has ONNX Runtime's own numbers.
const (
	intraOpThreads = "intra_op_thread_count"
	interOpThreads = "inter_op_thread_count"
	executionMode  = "execution_mode"
	optimization   = "graph_optimization_level"
)

// graphLevels has what Triton makes of optimization.graph.level.
var graphLevels = map[int32]engine.Optimization{
	-1: engine.OptimizeBasic,
	0:  engine.OptimizeAll,
	1:  engine.OptimizeExtended,
	2:  engine.OptimizeNone,
}

// parameterLevels has the levels of graph_optimization_level: ONNX Runtime's
// GraphOptimizationLevel, whose third is all but the rewriting of whole layouts that
// few models have a use for.
var parameterLevels = map[int]engine.Optimization{
	0:  engine.OptimizeNone,
	1:  engine.OptimizeBasic,
	2:  engine.OptimizeExtended,
	3:  engine.OptimizeAll,
	99: engine.OptimizeAll,
}

// EngineOptions returns how the configuration tunes the engine: its parameters, whose
// values are numbers in text, and optimization.graph.level. An error names the
// parameter, its value and what fits. config may be nil.
func EngineOptions(config *inference.ModelConfig) (engine.LoadOptions, error) {
	r := &report{source: fromFile}
	options := readOptions(r, config)
	if err := r.err(); err != nil {
		return engine.LoadOptions{}, err
	}
	return options, nil
}

// readOptions is EngineOptions with the problems in r.
func readOptions(r *report, config *inference.ModelConfig) engine.LoadOptions {
	parameters := config.GetParameters()
	number := func(key, fits string, valid func(n int) bool) int {
		parameter, ok := parameters[key]
		if !ok {
			return 0
		}
		n, err := strconv.Atoi(strings.TrimSpace(parameter.GetStringValue()))
		if err != nil || !valid(n) {
			r.problem("parameters[%q] is %q: use %s", key, parameter.GetStringValue(), fits)
		}
		return n
	}
	threads := func(n int) bool { return n >= 0 && n <= maxThreads }
	fits := "a number of threads from 0, the server's own setting, to " + strconv.Itoa(maxThreads)
	options := engine.LoadOptions{
		IntraOpThreads: number(intraOpThreads, fits, threads),
		InterOpThreads: number(interOpThreads, fits, threads),
		Parallel: number(executionMode, "0, sequential, or 1, parallel", func(n int) bool {
			return n == 0 || n == 1
		}) == 1,
	}
	level := config.GetOptimization().GetGraph().GetLevel()
	graph, ok := graphLevels[level]
	if !ok {
		r.problem("optimization.graph.level is %d: use 0, all optimizations, 1, extended ones, -1, basic ones, or 2, none", level)
	}
	options.Optimization = graph
	if _, ok := parameters[optimization]; ok {
		n := number(optimization, "0, no optimizations, 1, basic ones, 2, extended ones, or 99, all", func(n int) bool {
			_, ok := parameterLevels[n]
			return ok
		})
		options.Optimization = parameterLevels[n]
		if level != 0 && graph != options.Optimization {
			r.problem("parameters[%q] is %d and optimization.graph.level is %d, which are not the same: leave one of them out", optimization, n, level)
		}
	}
	return options
}

// checkParameters checks the parameters that are followed, and warns of others.
func checkParameters(r *report, config *inference.ModelConfig) {
	for _, key := range slices.Sorted(maps.Keys(config.GetParameters())) {
		switch key {
		case intraOpThreads, interOpThreads, executionMode, optimization:
		default:
			r.warn("parameters[%q] is not followed", key)
		}
	}
	readOptions(r, config)
}
