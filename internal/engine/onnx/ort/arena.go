package ort

// #include "api.h"
import "C"

import (
	"errors"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// ShrinkArena frees the memory that the session's arena keeps and no run uses. inputs
// are valid inputs of the model, the smaller the better: the C API shrinks arenas only at
// the end of a run, so this starts one whose terminate flag is set, which ends before its
// first operator. It may be called while other calls run.
func (s *Session) ShrinkArena(inputs []tensor.Tensor) error {
	c, err := s.newCall(true)
	if err != nil {
		return err
	}
	defer c.free()
	defer c.reset()
	for i := range inputs {
		if err := c.SetInput(i, inputs[i]); err != nil {
			return err
		}
	}
	C.tw_terminate(c.c)
	err = c.check(C.tw_run(c.c))
	if _, terminated := errors.AsType[*Error](err); terminated {
		return nil
	}
	return err
}
