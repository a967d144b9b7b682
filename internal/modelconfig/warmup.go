package modelconfig

import (
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// Warmup is a request that a model answers before it serves.
type Warmup struct {
	// Name is for log lines.
	Name string
	// Count is how often it is run, at least 1.
	Count int
	// Inputs are ordered as the signature's.
	Inputs []tensor.Tensor
}

// Warmups makes the requests of model_warmup. readFile reads a file of the model's
// directory by its path there, such as "warmup/image.bin".
func Warmups(config *inference.ModelConfig, signature *engine.Signature, readFile func(name string) ([]byte, error)) ([]Warmup, error) {
	return nil, nil
}
