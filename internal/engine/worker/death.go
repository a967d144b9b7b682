package worker

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// Death is the end of a process.
type Death struct {
	// Cause describes it: a signal such as "SIGSEGV", or "exit code 2".
	Cause string
	// Reason is that of the call of Kill which ended it; nil: nobody called Kill.
	Reason error
	// Output has the last lines that the process wrote to its standard error. It is for the
	// log: it may contain paths.
	Output string
}

// err returns the death as the reason why no process runs.
func (d Death) err() error {
	if d.Reason != nil {
		return fmt.Errorf("%w: it was ended: %w", engine.ErrCrashed, d.Reason)
	}
	return fmt.Errorf("%w of %s", engine.ErrCrashed, d.Cause)
}

// blame returns the error of the request that ended a process.
func (d Death) blame() error {
	if d.Reason != nil {
		return fmt.Errorf("%w: %w", engine.ErrCrashed, d.Reason)
	}
	return fmt.Errorf("%w of %s while this request ran alone: other requests are not affected; send other inputs", engine.ErrCrashed, d.Cause)
}
