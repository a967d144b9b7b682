package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// activity is what a process does at one time. The zero value is unknown.
type activity struct {
	at time.Time
	// stopped reports that a signal or a debugger has stopped it.
	stopped bool
	// waits reports that none of its threads runs, waits for a CPU, or waits for the disk.
	waits bool
	// cpu is the CPU time that all of its threads have used.
	cpu time.Duration
}

// clockTick is the unit of CPU time in /proc: USER_HZ, which is 100 on all architectures that Go
// supports (proc_pid_stat(5)).
const clockTick = 10 * time.Millisecond

// activity reads what the worker does from /proc; unknown where that fails.
func (p *Process) activity() activity {
	text, err := os.ReadFile(p.file("stat"))
	if err != nil {
		return activity{}
	}
	state, cpu, err := parseStat(text)
	if err != nil {
		return activity{}
	}
	return activity{at: time.Now(), stopped: isStopped(state), waits: p.threadsWait(), cpu: cpu}
}

// threadsWait reports whether all threads sleep.
func (p *Process) threadsWait() bool {
	files, err := filepath.Glob(p.file("task/*/stat"))
	if err != nil || len(files) == 0 {
		return false
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		if state, _, err := parseStat(text); err != nil || state == 'R' || state == 'D' {
			return false
		}
	}
	return true
}

// isStopped reports whether a state of /proc is that of a process that a signal (T) or a
// debugger (t) has stopped.
func isStopped(state byte) bool { return state == 'T' || state == 't' }

// parseStat returns the state and the CPU time in "pid (name) state ...", whose name may have any
// characters. CPU time is in fields 14 and 15, which count from the process ID as 1.
func parseStat(text []byte) (state byte, cpu time.Duration, err error) {
	const firstField, userField, systemField = 3, 14, 15
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= systemField-firstField || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("unknown form of /proc/<pid>/stat: %q", bounded(string(text)))
	}
	ticks := uint64(0)
	for _, field := range [][]byte{fields[userField-firstField], fields[systemField-firstField]} {
		n, err := strconv.ParseUint(string(field), 10, 63)
		if err != nil {
			return 0, 0, err
		}
		ticks += n
	}
	return fields[0][0], time.Duration(ticks) * clockTick, nil
}
