package modelconfig

import (
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// EngineOptions returns how the configuration tunes the engine.
func EngineOptions(config *inference.ModelConfig) (engine.LoadOptions, error) {
	return engine.LoadOptions{}, nil
}

// Instances returns how many calls of the model run at once; 0 where the configuration does not say.
func Instances(config *inference.ModelConfig) int {
	return 0
}

// SetInstances writes into a completed configuration how many instances the server gave to a model whose configuration does not say.
func SetInstances(config *inference.ModelConfig, count int) {
	if groups := config.GetInstanceGroup(); Instances(config) == 0 && len(groups) > 0 {
		groups[0].Count = int32(count)
	}
}
