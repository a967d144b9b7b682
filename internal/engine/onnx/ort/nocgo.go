//go:build !cgo

package ort

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// ErrNoCgo reports that the program was built without cgo. Everything but the runtime
// works then, so that every package compiles for every system without a C compiler; Open
// fails, and there are no libraries, sessions or calls.
var ErrNoCgo = errors.New("the program was built without cgo, so ONNX Runtime is unavailable: build it with CGO_ENABLED=1 and a C compiler for its system")

// Library has no values without cgo.
type Library struct{}

// Open returns ErrNoCgo.
func Open(string) (*Library, error) { return nil, ErrNoCgo }

// NewSession returns ErrNoCgo.
func (*Library) NewSession(string, []string, []string, Options) (*Session, error) {
	return nil, ErrNoCgo
}

// Version returns no version.
func (*Library) Version() string { return "" }

// Close returns ErrNoCgo.
func (*Library) Close() error { return ErrNoCgo }

// Session has no values without cgo.
type Session struct{}

// Declare returns ErrNoCgo.
func (*Session) Declare([]string, []string, []int) error { return ErrNoCgo }

// Overridable returns ErrNoCgo.
func (*Session) Overridable() ([]string, error) { return nil, ErrNoCgo }

// Call returns ErrNoCgo.
func (*Session) Call() (*Call, error) { return nil, ErrNoCgo }

// ShrinkArena returns ErrNoCgo.
func (*Session) ShrinkArena([]tensor.Tensor) error { return ErrNoCgo }

// Close does nothing.
func (*Session) Close() {}

// Call has no values without cgo.
type Call struct{}

// SetInput returns ErrNoCgo.
func (*Call) SetInput(int, tensor.Tensor) error { return ErrNoCgo }

// BindOutput returns ErrNoCgo.
func (*Call) BindOutput(int, tensor.Tensor) error { return ErrNoCgo }

// UnbindOutputs does nothing.
func (*Call) UnbindOutputs() {}

// Run returns ErrNoCgo.
func (*Call) Run(context.Context) error { return ErrNoCgo }

// OutputInfo returns ErrNoCgo.
func (*Call) OutputInfo(int) (tensor.DataType, tensor.Shape, int64, error) {
	return tensor.Invalid, nil, 0, ErrNoCgo
}

// ReadOutput returns ErrNoCgo.
func (*Call) ReadOutput(int, []byte) error { return ErrNoCgo }

// ReadMaps returns ErrNoCgo.
func (*Call) ReadMaps(context.Context, int, []int, []byte) error { return ErrNoCgo }

// Release does nothing.
func (*Call) Release() {}
