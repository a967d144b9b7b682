package process_test

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// soon finds an unresponsive worker within a second.
var soon = process.Options{PingInterval: 20 * time.Millisecond}

// A worker that a signal stops is killed, also while it loads or is idle, and its calls fail as
// those of a worker that died.
func TestAStoppedWorkerIsKilled(t *testing.T) {
	for name, call := range map[string]func(*testing.T, *process.Process) error{
		"run": func(t *testing.T, p *process.Process) error {
			_, err := run(t.Context(), p, load(t, p, "x"), "SIGSTOP")
			return err
		},
		"load": func(t *testing.T, p *process.Process) error {
			stopProcess(t, p)
			for { // threads that run stop a moment after the signal
				if _, err := p.Load(t.Context(), process.LoadRequest{Path: "x"}); err != nil {
					return err
				}
			}
		},
		"idle": func(t *testing.T, p *process.Process) error {
			stopProcess(t, p)
			return wait(t, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, soon)
			err := call(t, p)
			if !errors.Is(err, engine.ErrCrashed) || !errors.Is(err, process.ErrUnresponsive) {
				t.Errorf("%v", err)
			}
			if d := wait(t, p); d.Signal != "SIGKILL" || !strings.Contains(d.Error(), "the worker did not answer for 80ms") {
				t.Errorf("death: %v, %s", d, d.Signal)
			}
		})
	}
}

func stopProcess(t *testing.T, p *process.Process) {
	t.Helper()
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// A worker that computes answers pings.
func TestAWorkerThatComputesStays(t *testing.T) {
	p := start(t, soon)
	id := load(t, p, "x")
	spinning := make(chan error, 1)
	go func() {
		_, err := run(t.Context(), p, id, "spin")
		spinning <- err
	}()
	until(t, "running", func() bool { return p.Running() == 1 })
	before := cpuOf(t, p.PID())
	until(t, "half a second of computing", func() bool { return cpuOf(t, p.PID())-before > 50 })
	if d := p.Death(); d != nil {
		t.Fatal(d)
	}
	p.Kill(nil)
	if err := <-spinning; !errors.Is(err, engine.ErrCrashed) {
		t.Error(err)
	}
}

// A worker whose control goroutines do not answer is killed if it is idle, and stays if it
// computes.
func TestAWorkerThatDoesNotReadIsKilledWhenItIsIdle(t *testing.T) {
	idle, err := startBad(t, "deaf", soon)
	if err != nil {
		t.Fatal(err)
	}
	if d := wait(t, idle); !errors.Is(d, process.ErrUnresponsive) {
		t.Errorf("%v", d)
	}
	busy, err := startBad(t, "busy", soon)
	if err != nil {
		t.Fatal(err)
	}
	before := cpuOf(t, busy.PID())
	until(t, "half a second of computing", func() bool { return cpuOf(t, busy.PID())-before > 50 })
	if d := busy.Death(); d != nil {
		t.Errorf("a worker that computes: %v", d)
	}
}

// cpuOf returns the CPU time of a process in units of 10 ms.
func cpuOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte(") ")) // the name of the test binary has no parenthesis
	fields := strings.Fields(string(text))
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if err := errors.Join(errUser, errSystem); err != nil {
		t.Fatal(err)
	}
	return user + system
}
