package engine

import (
	"slices"
	"strconv"
	"strings"
)

// Platform is a kind of model, under the names that Triton's configuration and the
// Open Inference Protocol give it. This file has the only list of these names.
type Platform struct {
	// Name is the value of platform in config.pbtxt and in model metadata.
	Name string
	// Backend is the value of backend in config.pbtxt.
	Backend string
	// ModelFile is the default file name of a model in its version's directory.
	ModelFile string
}

// ONNXRuntime is the platform of ONNX models, which ONNX Runtime executes.
var ONNXRuntime = Platform{Name: "onnxruntime_onnx", Backend: "onnxruntime", ModelFile: "model.onnx"}

// Platforms lists the platforms of a server. The first one is the default for models
// that name none.
type Platforms []Platform

// Default returns the first platform; the zero Platform when there is none.
func (p Platforms) Default() Platform {
	if len(p) == 0 {
		return Platform{}
	}
	return p[0]
}

// Find returns the platform with these names. An empty name matches every platform, so
// that two empty names return the default.
func (p Platforms) Find(name, backend string) (Platform, bool) {
	i := slices.IndexFunc(p, func(candidate Platform) bool {
		return (name == "" || name == candidate.Name) && (backend == "" || backend == candidate.Backend)
	})
	if i < 0 {
		return Platform{}, false
	}
	return p[i], true
}

// Names returns the platform names in quotes, separated by commas, for error texts;
// "none" when there are no platforms.
func (p Platforms) Names() string { return p.join(func(q Platform) string { return q.Name }) }

// Backends is Names for the backends.
func (p Platforms) Backends() string { return p.join(func(q Platform) string { return q.Backend }) }

func (p Platforms) join(field func(Platform) string) string {
	var quoted []string
	for _, platform := range p {
		if name := strconv.Quote(field(platform)); !slices.Contains(quoted, name) {
			quoted = append(quoted, name)
		}
	}
	if len(quoted) == 0 {
		return "none"
	}
	return strings.Join(quoted, ", ")
}
