// Package filelock locks files against other processes, and against other users of the file
// in this one.
package filelock

import "errors"

// ErrLocked reports that the lock is held.
var ErrLocked = errors.New("locked")
