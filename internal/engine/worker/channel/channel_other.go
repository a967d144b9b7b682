//go:build !linux

package channel

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// errOther names the system.
var errOther = fmt.Errorf("%w on %s: they need Linux", ErrNotSupported, runtime.GOOS)

// Inputs is not implemented on this system: it has no memory.
type Inputs struct{}

// NewInputs returns an Inputs without memory.
func NewInputs() *Inputs { return &Inputs{} }

// Allocate returns nil.
func (*Inputs) Allocate(int) []byte { return nil }

// Allocated returns false.
func (*Inputs) Allocated(unsafe.Pointer) bool { return false }

// Count returns 0.
func (*Inputs) Count() int { return 0 }

// Server is not implemented on this system: Listen returns none.
type Server struct{}

// Listen returns an ErrNotSupported.
func Listen(int, Options) (*Server, error) { return nil, errOther }

// Files returns nil.
func (*Server) Files() []*os.File { return nil }

// Run returns an ErrNotSupported.
func (*Server) Run(context.Context, uint64, []tensor.Tensor) (*engine.Result, error) {
	return nil, errOther
}

// RunGroup returns an ErrNotSupported.
func (*Server) RunGroup(context.Context, uint64, [][]tensor.Tensor) ([]*engine.Result, error) {
	return nil, errOther
}

// Running returns 0.
func (*Server) Running() int { return 0 }

// SharedBytes returns 0.
func (*Server) SharedBytes() int64 { return 0 }

// LimitOutputs does nothing.
func (*Server) LimitOutputs(uint64, int64) {}

// Forget does nothing.
func (*Server) Forget(uint64) {}

// Fail does nothing.
func (*Server) Fail(error) {}

// Worker is not implemented on this system: Attach returns none.
type Worker struct{}

// Attach returns an ErrNotSupported.
func Attach([]*os.File) (*Worker, error) { return nil, errOther }

// Serve returns an ErrNotSupported.
func (*Worker) Serve(RunFunc) error { return errOther }
