package worker

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// byServer reports whether the server ended a process.
func byServer(d *process.Death) bool { return d.Cause != nil }

// fromOutside reports whether something outside the server killed or stopped a process: no fault
// of native code raises SIGKILL. The kernel does to free memory, and chooses the process by its
// own rules.
func fromOutside(d *process.Death) bool {
	return !byServer(d) && d.Signal == "SIGKILL" || errors.Is(d.Cause, process.ErrUnresponsive)
}

// afterDeath returns the verdict on the requests that ran in a process.
func afterDeath(d *process.Death) verdict {
	if hasSuspects(d) {
		return suspect
	}
	return again
}

// hasSuspects reports whether one of the requests that were running in a process ended it:
// it died by itself, or exceeded its limit of memory. The other limits name their run.
func hasSuspects(d *process.Death) bool {
	return !byServer(d) || errors.Is(d.Cause, engine.ErrOutOfMemory)
}

// blame returns the error of the request that ended a process.
func blame(d *process.Death) error {
	if byServer(d) {
		return d
	}
	cause := d.Signal
	if cause == "" {
		cause = fmt.Sprintf("exit code %d", d.ExitCode)
	}
	return fmt.Errorf("%w: %s while it ran this request alone; other requests are not affected: send other inputs", engine.ErrCrashed, cause)
}
