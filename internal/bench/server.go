package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// startTimeout bounds how long a server may take until it has said where it is.
const startTimeout = 30 * time.Second

// stopTimeout bounds how long it may take to end.
const stopTimeout = 10 * time.Second

// process is a server in a process of its own.
type process struct {
	base   string
	pid    int
	cancel context.CancelFunc
	ended  chan error
}

// address finds where a server listens in what it prints.
var address = regexp.MustCompile(`http://[0-9a-z.:\[\]]+`)

// startProcess runs a server until stop and waits until it has printed its
// address, which it does when it is ready.
func startProcess(ctx context.Context, stderr io.Writer, path string, args ...string) (*process, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = withoutSettings(os.Environ())
	cmd.Stderr = stderr
	cmd.WaitDelay = stopTimeout
	if runtime.GOOS != "windows" { // where a process can only be killed
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
	found := make(chan string, 1)
	cmd.Stdout = &addressWriter{found: found}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	p := &process{pid: cmd.Process.Pid, cancel: cancel, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	select {
	case p.base = <-found:
		return p, nil
	case err := <-p.ended:
		cancel()
		return nil, fmt.Errorf("%s ended before it was ready: %w", filepath.Base(path), errors.Join(err, ctx.Err()))
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("%s has not said where it listens in %v", filepath.Base(path), startTimeout), p.stop())
	}
}

// addressWriter takes a server's output and sends on the first address in it.
type addressWriter struct {
	output bytes.Buffer
	found  chan string
}

func (w *addressWriter) Write(p []byte) (int, error) {
	if w.found == nil {
		return len(p), nil
	}
	w.output.Write(p)
	// A line that has not come to its end may hold half an address.
	whole := w.output.Bytes()[:bytes.LastIndexByte(w.output.Bytes(), '\n')+1]
	if base := address.Find(whole); base != nil {
		w.found <- string(base)
		w.found = nil
	}
	return len(p), nil
}

// withoutSettings returns an environment without the server's own variables: it is
// measured as it comes.
func withoutSettings(environ []string) []string {
	var kept []string
	for _, variable := range environ {
		if !strings.HasPrefix(variable, "TENSORWIRE_") {
			kept = append(kept, variable)
		}
	}
	return kept
}

// stop ends the process and waits for that. It does nothing on nil.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	p.cancel()
	err := <-p.ended
	var exit *exec.ExitError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &exit) && !exit.Exited() {
		return nil // as it was told
	}
	return fmt.Errorf("stop the server: %w", err)
}

// clockTick is the unit of /proc's CPU times: 1/USER_HZ, which is 1/100 s on every
// architecture that Go has on Linux.
const clockTick = 10 * time.Millisecond

// cpuTime returns the user and system time that the process has taken, in steps of
// clockTick. ok is false where there is no /proc.
func (p *process) cpuTime() (_ time.Duration, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, false
	}
	return parseStat(string(stat))
}

// parseStat reads utime and stime, the fields 14 and 15 of proc_pid_stat(5). Field
// 2, the program's name, is in brackets and may hold blanks and brackets.
func parseStat(stat string) (_ time.Duration, ok bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, false
	}
	user, userErr := strconv.ParseInt(fields[14-3], 10, 64)
	system, systemErr := strconv.ParseInt(fields[15-3], 10, 64)
	return time.Duration(user+system) * clockTick, userErr == nil && systemErr == nil
}

// cpuModel returns the name that the system gives to its CPU.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}
