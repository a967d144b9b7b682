package channel

import (
	"errors"
	"time"
)

var (
	// ErrNotSupported reports an operating system on which the package is not implemented.
	ErrNotSupported = errors.New("worker processes are not supported")
	// ErrProtocol reports that the worker wrote something that its side of the protocol
	// never writes: its memory is corrupt, or its code is not ours. Its process must be
	// killed.
	ErrProtocol = errors.New("the worker broke the protocol")
)

// MaxSlots is the maximum number of slots of a channel.
const MaxSlots = 1024

// Options tune a channel. The zero value has the defaults.
type Options struct {
	// MaxOutputBytes bounds the outputs of one run, of sessions without LimitOutputs. More is
	// an engine.ErrTooLarge. 0: 1 GiB.
	MaxOutputBytes int64
	// MaxSharedBytes bounds the shared memory of the channel. A run that needs more is an
	// engine.ErrOutOfMemory. 0: no bound.
	MaxSharedBytes int64
	// IdleTime is how long shared memory that no run uses is kept for later runs. 0: 10 s.
	IdleTime time.Duration
	// LendBytes bounds the outputs that stay in shared memory until Result.Release, or until
	// the garbage collector frees them. Outputs above the bound, BYTES, and those of less
	// than 16 KiB are copied. 0: all are copied.
	LendBytes int64
	// Inputs is memory in which inputs of 16 KiB and more are not copied. It is common to
	// the channels of a process. nil: all are copied.
	Inputs *Inputs
	// Broken is called at most once, in its own goroutine, when the worker broke the
	// protocol: err is an ErrProtocol. It kills the worker's process, and after that Fail
	// is called, with which all runs of the channel end. nil: Fail is called with err.
	Broken func(err error)
}
