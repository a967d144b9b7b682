package modelconfig

import (
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Platform returns the platform that a parsed configuration names by platform, backend
// or both, and the default of platforms when it names none. config may be nil.
func Platform(config *inference.ModelConfig, platforms engine.Platforms) engine.Platform {
	if platform, found := platforms.Find(config.GetPlatform(), config.GetBackend()); found {
		return platform
	}
	return platforms.Default()
}

// checkPlatform reports a platform or a backend that is not in platforms.
func checkPlatform(r *report, config *inference.ModelConfig, platforms engine.Platforms) {
	name, backend := config.GetPlatform(), config.GetBackend()
	_, knownName := platforms.Find(name, "")
	if !knownName {
		r.problem("platform is %q, available: %s; use one of these or remove platform", name, platforms.Names())
	}
	_, knownBackend := platforms.Find("", backend)
	if !knownBackend {
		r.problem("backend is %q, available: %s; use one of these or remove backend", backend, platforms.Backends())
	}
	if _, match := platforms.Find(name, backend); knownName && knownBackend && !match {
		r.problem("platform %q does not run on backend %q: remove one of them", name, backend)
	}
}

// ModelFile returns the name of the model's file in a version's directory:
// default_model_filename, or else the platform's. It is a slash-separated path below that
// directory: the parsers reject any other. config may be nil.
func ModelFile(config *inference.ModelConfig, platform engine.Platform) string {
	if name := config.GetDefaultModelFilename(); name != "" {
		return name
	}
	return platform.ModelFile
}
