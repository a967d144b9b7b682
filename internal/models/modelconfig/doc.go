// Package modelconfig reads a model's configuration, Triton's ModelConfig, as
// config.pbtxt holds it in protobuf text and load requests hold it in JSON; checks it
// against the model; and says what follows from it: which versions are served, how the
// engine is tuned, and which requests warm a model up.
//
// A field that would change answers and cannot be followed is an error. One that is
// only not followed is a warning that names it. docs/models.md lists both.
//
// The rules are those of Triton's public sources, core and onnxruntime_backend, where
// a comment does not say otherwise. Nothing in this package starts a goroutine or
// touches the disk; its functions are safe for concurrent use, and change no message
// that they are given except where they say so.
package modelconfig
