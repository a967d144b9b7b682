package channel

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// RunFunc computes one run in the worker. It reads inputs until it returns, and does not
// write to them: they are in read-only memory. ctx ends when the server asks to terminate
// the run. The channel copies the Result's outputs and releases it. RunFunc is called on
// a goroutine that is locked to its thread, one for each slot.
type RunFunc func(ctx context.Context, session uint64, inputs []tensor.Tensor) (*engine.Result, error)
