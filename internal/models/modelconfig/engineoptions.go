package modelconfig

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxThreads limits the threads of a model: each needs memory, and a typo must not exhaust
// the machine.
const maxThreads = 1024

// The parameters for the engine: those that Triton's ONNX Runtime backend reads for CPUs,
// graph_optimization_level, with ONNX Runtime's own numbers, and max_output_bytes.
const (
	intraOpThreads = "intra_op_thread_count"
	interOpThreads = "inter_op_thread_count"
	executionMode  = "execution_mode"
	optimization   = "graph_optimization_level"
	memArena       = "enable_mem_arena"
	memPattern     = "enable_mem_pattern"
	arenaShrinkage = "memory.enable_memory_arena_shrinkage"
	maxOutputBytes = "max_output_bytes"
)

// graphLevels maps optimization.graph.level as Triton does.
var graphLevels = map[int32]engine.Optimization{
	-1: engine.OptimizeBasic,
	0:  engine.OptimizeAll,
	1:  engine.OptimizeExtended,
	2:  engine.OptimizeNone,
}

// parameterLevels maps graph_optimization_level, ONNX Runtime's GraphOptimizationLevel. Its
// level 3 omits some layout optimizations of level 99, which few models benefit from.
var parameterLevels = map[int]engine.Optimization{
	0:  engine.OptimizeNone,
	1:  engine.OptimizeBasic,
	2:  engine.OptimizeExtended,
	3:  engine.OptimizeAll,
	99: engine.OptimizeAll,
}

// EngineOptions returns the engine's settings in the configuration: parameters, whose
// values are text, and optimization.graph.level. An error names the parameter,
// its value and the accepted values. config may be nil. The limits of the
// model's worker are among them.
func EngineOptions(config *inference.ModelConfig) (engine.LoadOptions, error) {
	r := &report{source: fromFile}
	options := readOptions(r, config)
	options.RunTimeout, _ = readLimits(r, config)
	if err := r.err(); err != nil {
		return engine.LoadOptions{}, err
	}
	return options, nil
}

// readOptions is EngineOptions that adds its errors to r.
func readOptions(r *report, config *inference.ModelConfig) engine.LoadOptions {
	parameters := config.GetParameters()
	number := func(key, accepted string, valid func(n int) bool) int {
		parameter, ok := parameters[key]
		if !ok {
			return 0
		}
		n, err := strconv.Atoi(strings.TrimSpace(parameter.GetStringValue()))
		if err != nil || !valid(n) {
			r.problem("parameters[%q] is %q: use %s", key, parameter.GetStringValue(), accepted)
		}
		return n
	}
	threads := func(n int) bool { return n >= 0 && n <= maxThreads }
	accepted := "a number of threads from 0 (the server's default) to " + strconv.Itoa(maxThreads)
	options := engine.LoadOptions{
		IntraOpThreads: number(intraOpThreads, accepted, threads),
		InterOpThreads: number(interOpThreads, accepted, threads),
		Parallel: number(executionMode, "0 (sequential) or 1 (parallel)", func(n int) bool {
			return n == 0 || n == 1
		}) == 1,
		MemoryLimit: readWorkerMemory(r, config),
	}
	readMemory(r, parameters, &options)
	level := config.GetOptimization().GetGraph().GetLevel()
	graph, ok := graphLevels[level]
	if !ok {
		r.problem("optimization.graph.level is %d: use 0 (all optimizations), 1 (extended), -1 (basic) or 2 (none)", level)
	}
	options.Optimization = graph
	if _, ok := parameters[optimization]; ok {
		n := number(optimization, "0 (no optimizations), 1 (basic), 2 (extended) or 99 (all)", func(n int) bool {
			_, ok := parameterLevels[n]
			return ok
		})
		options.Optimization = parameterLevels[n]
		if level != 0 && graph != options.Optimization {
			r.problem("parameters[%q] is %d, which contradicts optimization.graph.level %d: remove one of them", optimization, n, level)
		}
	}
	return options
}

// checkParameters validates the supported parameters, and warns about others.
func checkParameters(r *report, config *inference.ModelConfig) {
	for _, key := range slices.Sorted(maps.Keys(config.GetParameters())) {
		switch key {
		case intraOpThreads, interOpThreads, executionMode, optimization, runTimeout, probeInputBytes,
			memArena, memPattern, arenaShrinkage, maxOutputBytes:
		case loadTimeout, unloadBeforeLoad, workerMemory:
		default:
			r.warn("parameters[%q] is ignored", key)
		}
	}
	readOptions(r, config)
	readLimits(r, config)
	readLoadOptions(r, config)
}
