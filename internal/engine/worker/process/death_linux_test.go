package process_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// A run whose worker dies returns how.
func TestDeathsAreReported(t *testing.T) {
	for command, want := range map[string]process.Death{
		"SIGKILL": {Signal: "SIGKILL", ExitCode: -1},
		"SIGSEGV": {Signal: "SIGSEGV", ExitCode: 2},
		"SIGABRT": {Signal: "SIGABRT", ExitCode: 2},
		"SIGFPE":  {Signal: "SIGFPE", ExitCode: 2},
		"panic":   {ExitCode: 2},
		"exit":    {ExitCode: 7},
	} {
		t.Run(command, func(t *testing.T) {
			p := start(t, process.Options{})
			_, err := run(t.Context(), p, load(t, p, "x"), command)
			death, ok := errors.AsType[*process.Death](err)
			if !ok || !errors.Is(err, engine.ErrCrashed) {
				t.Fatalf("error %v", err)
			}
			if death.Signal != want.Signal || death.ExitCode != want.ExitCode || death.Cause != nil || death.PID != p.PID() {
				t.Errorf("%+v", death)
			}
			if command == "panic" && !strings.Contains(death.Output, "panic: of the test") {
				t.Errorf("its output is %s", death.Output)
			}
			if want.Signal != "" && !strings.HasSuffix(err.Error(), want.Signal) {
				t.Errorf("error %v", err)
			}
			if got := wait(t, p); got != death {
				t.Errorf("Death is %+v", got)
			}
			if _, err := p.Load(t.Context(), process.LoadRequest{}); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("a later load: %v", err)
			}
			if _, err := run(t.Context(), p, 1, "echo"); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("a later run: %v", err)
			}
		})
	}
}

func TestCrashOfALoad(t *testing.T) {
	p := start(t, process.Options{})
	_, err := p.Load(t.Context(), process.LoadRequest{Path: "crash"})
	if death, ok := errors.AsType[*process.Death](err); !ok || death.Signal != "SIGSEGV" {
		t.Errorf("error %v", err)
	}
}

// stopped reports whether SIGSTOP has stopped a worker.
func stopped(t *testing.T, p *process.Process) bool {
	t.Helper()
	return strings.HasPrefix(field(t, p.PID(), "status", "State"), "T")
}

// The reason of a kill is the death's cause, for a run that does not end and for a worker
// that is stopped.
func TestKill(t *testing.T) {
	for _, command := range []string{"spin", "wait", "SIGSTOP"} {
		t.Run(command, func(t *testing.T) {
			p := start(t, process.Options{})
			id := load(t, p, "x")
			ended := make(chan error, 1)
			go func() {
				_, err := run(context.Background(), p, id, command)
				ended <- err
			}()
			until(t, "running", func() bool { return p.Running() == 1 })
			if command == "SIGSTOP" {
				until(t, "stopped", func() bool { return stopped(t, p) })
			}
			p.Kill(engine.ErrTimeLimit)
			p.Kill(engine.ErrOutOfMemory) // too late
			if err := <-ended; !errors.Is(err, engine.ErrTimeLimit) || !errors.Is(err, engine.ErrCrashed) || errors.Is(err, engine.ErrOutOfMemory) {
				t.Errorf("error %v", err)
			}
			if death := wait(t, p); !errors.Is(death.Cause, engine.ErrTimeLimit) || death.Signal != "SIGKILL" {
				t.Errorf("%+v", death)
			}
			p.Kill(nil) // of a process that is gone
		})
	}
}

func TestStop(t *testing.T) {
	p := start(t, process.Options{})
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE} {
		if err := syscall.Kill(p.PID(), signal); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := run(t.Context(), p, load(t, p, "x"), "echo"); err != nil || got != "echo" {
		t.Errorf("after the signals: %q, %v", got, err)
	}
	p.Stop(t.Context())
	if death := p.Death(); !errors.Is(death, process.ErrStopped) || death.ExitCode != 0 {
		t.Errorf("%+v", death)
	}
	stuck := start(t, process.Options{})
	if err := syscall.Kill(stuck.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	until(t, "stopped", func() bool { return stopped(t, stuck) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	stuck.Stop(ctx)
	if death := stuck.Death(); !errors.Is(death, process.ErrStopped) || death.Signal != "SIGKILL" {
		t.Errorf("%+v", death)
	}
}

// A worker does not outlive its server, even one that is killed while models run.
func TestWorkersEndWithTheServer(t *testing.T) {
	serverPID, workerPID := server(t)
	if err := syscall.Kill(workerPID, 0); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(serverPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "gone", func() bool { return !alive(workerPID) })
}

func TestWorkersThatBreakTheProtocol(t *testing.T) {
	for _, mode := range []string{"unasked response", "garbage", "huge frame", "bad signature", "bad code", "closed socket"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p, err := startBad(t, mode, process.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Load(t.Context(), process.LoadRequest{}); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("error %v", err)
			}
			if death := wait(t, p); !errors.Is(death, channel.ErrProtocol) {
				t.Errorf("%+v", death)
			}
		})
	}
}

func TestOutputIsBounded(t *testing.T) {
	log := &logBuffer{}
	p := start(t, process.Options{Logger: log.logger()})
	id := load(t, p, "x")
	if _, err := run(t.Context(), p, id, "flood"); err != nil {
		t.Fatal(err)
	}
	_, err := run(t.Context(), p, id, "exit")
	death, ok := errors.AsType[*process.Death](err)
	if !ok {
		t.Fatal(err)
	}
	if len(death.Output) > process.MaxOutput || !strings.HasSuffix(death.Output, "x\nthe last line\n") {
		t.Errorf("%d bytes of output, which end with %q", len(death.Output), death.Output[max(0, len(death.Output)-100):])
	}
	if len(log.String()) > 1<<20 || !strings.Contains(log.String(), "output of a worker was dropped") {
		t.Errorf("a log of %d bytes", len(log.String()))
	}
}
