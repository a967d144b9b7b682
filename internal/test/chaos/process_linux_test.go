package chaos_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// child is a child of the server.
type child struct {
	pid    int
	zombie bool
}

// children returns the children of a process.
func children(pid int) []child {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	var list []child
	for _, file := range stats {
		state, parent, err := parentOf(file)
		if err != nil || parent != pid {
			continue
		}
		number, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil {
			list = append(list, child{number, state == "Z"})
		}
	}
	return list
}

// parentOf reads the state and the parent of a process from its stat file.
func parentOf(file string) (state string, parent int, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", 0, err
	}
	// The name, in parentheses, may have any characters.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 2 {
		return "", 0, fmt.Errorf("%s has %d fields", file, len(fields))
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err
}

// signalChild sends a signal to a child of a process. It holds a descriptor of the process
// while it checks the parent, so that it never meets a process that has reused the ID.
func signalChild(parent, pid int, signal syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = process.Release() }()
	state, got, err := parentOf(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || got != parent || state == "Z" {
		return os.ErrProcessDone
	}
	return process.Signal(signal)
}

// proportional returns the memory of a process in bytes; what it shares counts in
// proportion (PSS). A process that has ended has none.
func proportional(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no Pss of process %d", pid)
}

// descriptors returns the number of open files of a process.
func descriptors(pid int) (int, error) {
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(files), err
}
