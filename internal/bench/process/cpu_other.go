//go:build !linux

package process

import "time"

// CPUTime returns the user and system time that the process has taken. ok is false
// where the system does not tell.
func (p *Process) CPUTime() (_ time.Duration, ok bool) { return 0, false }
