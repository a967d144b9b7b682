package process

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// ErrStopped is the Cause of a worker that the server no longer needs.
var ErrStopped = errors.New("the server stopped the worker")

// Death says how a worker ended. As an error it is an engine.ErrCrashed, and its Cause.
type Death struct { //nolint:errname // a report, which is also the error of calls
	PID int
	// Cause is why the server ended the worker: the argument of Kill, or ErrStopped. nil:
	// the worker died by itself, or something else killed it.
	Cause error
	// Signal is the name of the signal that ended it, such as "SIGSEGV", also of one that
	// the Go runtime reported before it exited. Empty: none.
	Signal string
	// ExitCode is -1 where the kernel reports a signal.
	ExitCode int
	// Output is the Go runtime's report of a fault, or else the end of what the worker wrote
	// to standard output and error: at most MaxOutput bytes of valid UTF-8. It may have
	// paths and must not go to clients.
	Output string
}

// Error returns a text that is safe to return to clients.
func (d *Death) Error() string {
	switch {
	case d.Cause != nil:
		return fmt.Sprintf("the server ended the worker process: %v", d.Cause)
	case d.Signal != "":
		return fmt.Sprintf("%v: %s", engine.ErrCrashed, d.Signal)
	default:
		return fmt.Sprintf("%v: exit code %d", engine.ErrCrashed, d.ExitCode)
	}
}

// Unwrap returns engine.ErrCrashed, and Cause if there is one.
func (d *Death) Unwrap() []error {
	if d.Cause == nil {
		return []error{engine.ErrCrashed}
	}
	return []error{engine.ErrCrashed, d.Cause}
}

// log logs the death with the worker's output. A worker that was no longer needed is no error.
func (d *Death) log(log *slog.Logger) {
	log = log.With("pid", d.PID)
	if errors.Is(d, ErrStopped) || errors.Is(d, engine.ErrClosed) { // the server needs it no more
		log.Info("a worker has ended", "reason", d.Error())
		return
	}
	log.Error("a worker has died", "reason", d.Error(), "signal", d.Signal, "exit_code", d.ExitCode, "output", d.Output)
}

// newDeath returns the death of a process that was reaped. state is nil if that failed.
func newDeath(state *os.ProcessState, pid int, cause error, out *output) *Death {
	d := &Death{PID: pid, ExitCode: -1, Output: out.text()}
	if state == nil {
		d.Cause = cause
		return d
	}
	d.ExitCode = state.ExitCode()
	status, ok := state.Sys().(syscall.WaitStatus)
	signaled := ok && status.Signaled()
	switch {
	case signaled && status.Signal() == syscall.SIGKILL, errors.Is(cause, ErrStopped) && d.ExitCode == 0:
		d.Cause = cause
	case signaled:
	default:
		// The Go runtime reports a fault of native code and exits with code 2.
		d.Signal = out.reportedSignal()
	}
	if signaled {
		d.Signal = signalName(status.Signal())
	}
	return d
}

// signalNames are the signals of faults and of kills.
var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGILL: "SIGILL",
	syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV", syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP",
}

func signalName(s syscall.Signal) string {
	if name := signalNames[s]; name != "" {
		return name
	}
	return strings.ToUpper(s.String())
}
