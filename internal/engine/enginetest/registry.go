package enginetest

import "github.com/tensorwire/tensorwire/internal/engine"

// Registry returns a registry whose one engine, under the name of ONNX Runtime's
// platform, loads with l. Its Close does nothing: the caller owns l.
func Registry(l engine.Loader) *engine.Registry {
	return engine.NewRegistry(engine.Registration{Platform: engine.ONNXRuntime, Engine: borrowed{l}})
}

// borrowed is an engine whose Close does nothing.
type borrowed struct{ engine.Loader }

func (borrowed) Version() string { return "test" }

func (borrowed) Close() error { return nil }
