// Package modelconfig reads a model's configuration, Triton's ModelConfig, from protobuf
// text (config.pbtxt) and from JSON (load requests). It checks the configuration against
// the model, and maps it to the settings of the runtime: the platform and the model file,
// the versions to serve, [EngineOptions], [SchedulerOptions] and [Warmups]. No other
// package interprets a ModelConfig.
//
// An unsupported field that would change results is an error. Any other unsupported field
// is a warning that names it. docs/models.md lists both.
//
// The rules are those of Triton's public sources, core and onnxruntime_backend, unless a
// comment states otherwise. The package starts no goroutines and does not access the file
// system. Its functions are safe for concurrent use, and do not modify their arguments
// unless their comment states it.
package modelconfig
