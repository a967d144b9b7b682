package process

import (
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
	"strings"
	"time"
)

// startTimeout bounds how long a server may take until it has said where it is.
const startTimeout = 30 * time.Second

// StopTimeout bounds how long it may take to end.
const StopTimeout = 10 * time.Second

// Process is a server in a process of its own.
type Process struct {
	// Base is where it listens, as a URL such as http://127.0.0.1:8080.
	Base string

	pid    int
	cancel context.CancelFunc
	ended  chan error
}

// Self returns this process, to read what it takes. It has no Base and is not stopped.
func Self() *Process { return &Process{pid: os.Getpid()} }

// address finds where a server listens in what it prints.
var address = regexp.MustCompile(`http://[0-9a-z.:\[\]]+`)

// Start runs a server until Stop and waits until it has printed its
// address, which it does when it is ready. stderr takes what it says, and is safe for
// concurrent use where several servers share it.
func Start(ctx context.Context, stderr io.Writer, path string, args ...string) (*Process, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = withoutSettings(os.Environ())
	cmd.Stderr = stderr
	cmd.WaitDelay = StopTimeout
	if runtime.GOOS != "windows" { // where a process can only be killed
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
	found := make(chan string, 1)
	cmd.Stdout = &addressWriter{found: found}
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	p := &Process{pid: cmd.Process.Pid, cancel: cancel, ended: make(chan error, 1)}
	go func() { p.ended <- cmd.Wait() }()
	select {
	case p.Base = <-found:
		return p, nil
	case err := <-p.ended:
		cancel()
		return nil, fmt.Errorf("%s ended before it was ready: %w", filepath.Base(path), errors.Join(err, ctx.Err()))
	case <-time.After(startTimeout):
		return nil, errors.Join(fmt.Errorf("%s has not said where it listens in %v", filepath.Base(path), startTimeout), p.Stop())
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

// Stop ends the process and waits for that. It does nothing on nil.
func (p *Process) Stop() error {
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
