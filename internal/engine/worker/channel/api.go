package channel

import (
	"context"
	"os"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Server is the server's end of a channel. It is safe for concurrent use.
type Server struct{}

// Listen creates a channel for at most slots concurrent runs, from 1 to MaxSlots. A slot
// that was never used costs no memory and no thread. The caller ends the channel with Fail.
func Listen(slots int, o Options) (*Server, error) { return nil, ErrNotSupported }

// Files returns the descriptors that the worker passes to Attach, in this order. The
// caller passes them to the process, then closes them. Their number is constant.
func (s *Server) Files() []*os.File { return nil }

// Run runs the worker's session on inputs and waits for the outputs. The inputs are valid
// (see tensor.Validate); they are copied, and not read after Run returned. A run waits for
// a free slot.
//
// When ctx is done, Run returns its error at once and asks the worker to terminate the
// run. The slot stays occupied until the worker answered. Errors of the worker's run keep
// their sentinel of package engine.
func (s *Server) Run(ctx context.Context, session uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	return nil, ErrNotSupported
}

// Running returns the number of occupied slots. Those of runs whose context is done count
// until the worker answered.
func (s *Server) Running() int { return 0 }

// SharedBytes returns the size of the channel's shared memory for tensors.
func (s *Server) SharedBytes() int64 { return 0 }

// Forget frees what the channel remembers of a session that the worker has closed.
func (s *Server) Forget(session uint64) {}

// Fail ends all waiting and later calls of Run with err, and frees the channel's memory.
// It is called when the worker's process has ended; while the process lives, Fail makes
// Worker.Serve return. Later calls do nothing. Lent outputs stay valid until their
// Result.Release.
func (s *Server) Fail(err error) {}

// Worker is the worker's end of a channel.
type Worker struct{}

// Attach opens the worker's end, with the files of Server.Files. The Worker owns files.
func Attach(files []*os.File) (*Worker, error) { return nil, ErrNotSupported }

// RunFunc computes one run in the worker. It reads inputs until it returns, and does not
// write to them: they are in read-only memory. ctx ends when the server asks to terminate
// the run. The channel copies the Result's outputs and releases it. RunFunc is called on
// a goroutine that is locked to its thread, one for each slot.
type RunFunc func(ctx context.Context, session uint64, inputs []tensor.Tensor) (*engine.Result, error)

// Serve executes the runs of the server until the server's end closes: nil, or an error of
// the channel. It then cancels the runs in flight and waits for them, so a process that
// must end at once does not wait for Serve. It is called once.
func (w *Worker) Serve(run RunFunc) error { return ErrNotSupported }
