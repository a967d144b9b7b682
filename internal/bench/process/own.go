package process

import (
	"os"
	"time"
)

// Own is the process that measures: the client, which takes its part of the machine.
type Own struct{}

// CPUTime is [Process.CPUTime] of this process.
func (Own) CPUTime() (_ time.Duration, ok bool) { return cpuTime(os.Getpid()) }
