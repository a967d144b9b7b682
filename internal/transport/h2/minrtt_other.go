//go:build !linux

package h2

import (
	"syscall"
	"time"
)

// minRTT is unknown.
func minRTT(syscall.RawConn) (_ time.Duration, ok bool) { return 0, false }
