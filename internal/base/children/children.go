// Package children starts child processes, and reaps those that the program did not start. The
// latter a process has that is PID 1 of its namespace, as in a container, or a subreaper: when a
// process ends, its children become theirs, and are zombies at their end until they are reaped.
package children

import (
	"os/exec"
	"sync"
)

// own are the children that the program has started. The table of children is the process's.
var own = struct {
	// mu is held for reading while a child starts, so that it is known before it is looked at.
	mu   sync.RWMutex
	pids sync.Map // of int
}{}

// Start starts a command, which ReapOrphans leaves to the caller. The caller calls Wait.
func Start(cmd *exec.Cmd) error {
	own.mu.RLock()
	defer own.mu.RUnlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	own.pids.Store(cmd.Process.Pid, nil)
	return nil
}

// Wait waits for a command of Start and reaps it.
func Wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	own.pids.Delete(cmd.Process.Pid)
	return err
}

func isOwn(pid int) bool {
	_, ok := own.pids.Load(pid)
	return ok
}
