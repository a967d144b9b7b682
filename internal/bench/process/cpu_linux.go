package process

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime returns the user and system time that the process has taken, those of its
// threads that have ended too. ok is false where the system does not tell.
func (p *Process) CPUTime() (_ time.Duration, ok bool) {
	// The clock of a process is its number's complement, and of its three kinds the
	// scheduler's, which counts in nanoseconds (clock_getcpuclockid(3)).
	const scheduler = 2
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^p.pid<<3|scheduler), &now); err != nil {
		return 0, false
	}
	return time.Duration(now.Nano()), true
}
