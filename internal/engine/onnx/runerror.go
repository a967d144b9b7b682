package onnx

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// runError returns the engine's error for the error of a call: the context's own, an
// engine.ErrBadInput when the runtime blames the input, an engine.ErrTooLarge when an output
// above its limit took the memory, an engine.ErrOutOfMemory, or an engine.ErrRun.
func (s *session) runError(ctx context.Context, inputs []tensor.Tensor, err error) error {
	failure, fromRuntime := errors.AsType[*ort.Error](err)
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case errors.Is(err, ort.ErrStrings):
		return fmt.Errorf("%w: the data of an input changed while it was read", engine.ErrBadInput)
	case errors.Is(err, ort.ErrNoMemory):
		return engine.ErrOutOfMemory
	case !fromRuntime:
		return fmt.Errorf("%w: %w", engine.ErrRun, err)
	}
	reason := publicReason(failure.Message, s.path)
	switch {
	case failure.InvalidArgument:
		return fmt.Errorf("%w: the model cannot compute these values: %s", engine.ErrBadInput, reason)
	case isOutOfMemory(failure):
		for i := range s.outputs {
			if err := s.outputs[i].exceeds(inputs); err != nil {
				return err
			}
		}
		return fmt.Errorf("%w: %s", engine.ErrOutOfMemory, reason)
	}
	return fmt.Errorf("%w: %s", engine.ErrRun, reason)
}

// memoryTexts are in the runtime's messages about failed allocations, of its arena, the
// C library and C++. It has no error code for them.
var memoryTexts = []string{"Failed to allocate memory", "ran out of memory", "Available memory of", "bad_alloc"}

func isOutOfMemory(failure *ort.Error) bool {
	for _, text := range memoryTexts {
		if strings.Contains(failure.Message, text) {
			return true
		}
	}
	return false
}
