package worker

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// byServer reports whether the server ended a process for a reason that it knows: nobody
// else is to blame. It does not know which run took the memory of a process.
func byServer(d *process.Death) bool {
	return d.Cause != nil && !errors.Is(d.Cause, engine.ErrOutOfMemory)
}

// fromOutside reports whether something outside the server killed a process: no fault of
// native code raises SIGKILL. The kernel does to free memory, and chooses the process by its
// own rules.
func fromOutside(d *process.Death) bool { return d.Cause == nil && d.Signal == "SIGKILL" }

// afterDeath returns the verdict on the requests that ran in a process.
func afterDeath(d *process.Death) verdict {
	if byServer(d) {
		return again
	}
	return suspect
}

// blame returns the error of the request that ended a process.
func blame(d *process.Death) error {
	if d.Cause != nil {
		return d
	}
	cause := d.Signal
	if cause == "" {
		cause = fmt.Sprintf("exit code %d", d.ExitCode)
	}
	return fmt.Errorf("%w: %s while it ran this request alone; other requests are not affected: send other inputs", engine.ErrCrashed, cause)
}
