//go:build !linux

package load

import "time"

// CPUTime returns no figure: it is known on Linux only.
func (p Process) CPUTime() (_ time.Duration, ok bool) { return 0, false }

// Memory returns zeros: it is known on Linux only.
func (p Process) Memory() (now, peak int64, _ error) { return 0, 0, nil }
