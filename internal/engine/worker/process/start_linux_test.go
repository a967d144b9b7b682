package process_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// proc reads a file of a process.
func proc(t *testing.T, pid int, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// field returns the value of a line "name: value" of a file of a process.
func field(t *testing.T, pid int, file, name string) string {
	t.Helper()
	for line := range strings.Lines(proc(t, pid, file)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.Join(strings.Fields(strings.TrimPrefix(value, ":")), " ")
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return ""
}

func TestWorkersAreConfined(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "x")
	// A descriptor that the server has inherited without close-on-exec.
	leaked, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Close(leaked); err != nil {
			t.Error(err)
		}
	})
	p := start(t, process.Options{Share: process.Share{MaxProcs: 3, GoMemoryLimit: 64 << 20}})
	load(t, p, "x") // native code may have started threads

	environment := strings.Split(strings.TrimRight(proc(t, p.PID(), "environ"), "\x00"), "\x00")
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains([]string{"TENSORWIRE_WORKER", "GOMAXPROCS", "GOMEMLIMIT", "LD_LIBRARY_PATH"}, name) {
			t.Errorf("the worker has %s", variable)
		}
	}
	if !slices.Contains(environment, "GOMAXPROCS=3") || !slices.Contains(environment, "GOMEMLIMIT=67108864") {
		t.Errorf("environment %q", environment)
	}
	if got := field(t, p.PID(), "limits", "Max core file size"); !strings.HasPrefix(got, "0 0") {
		t.Errorf("core files: %s", got)
	}
	if own, got := proc(t, os.Getpid(), "oom_score_adj"), proc(t, p.PID(), "oom_score_adj"); got == own {
		t.Errorf("the OOM score is the server's: %s", got)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("process group %d, %v", group, err)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.PID()))
	if err != nil || len(tasks) < 2 {
		t.Fatal(tasks, err)
	}
	for _, task := range tasks {
		thread := "task/" + filepath.Base(task) + "/status"
		if filter := field(t, p.PID(), thread, "Seccomp"); p.Info().Sandbox.Seccomp && filter != "2" || field(t, p.PID(), thread, "NoNewPrivs") != "1" {
			t.Errorf("thread %s is not confined", task)
		}
	}
	descriptors(t, p.PID())
}

// descriptors checks the files of a worker: those of package control, and the runtime's.
func descriptors(t *testing.T, pid int) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			continue // closed meanwhile
		}
		known := slices.ContainsFunc([]string{"pipe:", "socket:", "anon_inode:[event", "/memfd:", "/dev/null", "/sys/fs/cgroup"}, func(prefix string) bool {
			return strings.HasPrefix(target, prefix)
		})
		if !known {
			t.Errorf("descriptor %s is %s", filepath.Base(link), target)
		}
	}
}

func TestProgramsThatAreNoWorkers(t *testing.T) {
	for name, test := range map[string]struct {
		mode    string
		options process.Options
		want    error
		says    []string
	}{
		"another program": {options: process.Options{Path: "/bin/echo", Args: []string{"hello"}}, want: process.ErrNotWorker, says: []string{"/bin/echo", "call tensorwire.RunWorker", "WorkerPath", "hello"}},
		"no program":      {options: process.Options{Path: "/nowhere/tensorwire"}, want: os.ErrNotExist, says: []string{"/nowhere/tensorwire"}},
		"silent":          {mode: "silent", options: process.Options{HelloTimeout: 50 * time.Millisecond}, want: process.ErrNotWorker, says: []string{"did not answer within 50ms", os.Args[0]}},
		"usage":           {mode: "exit", want: process.ErrNotWorker, says: []string{"a program of another kind"}},
		"version":         {mode: "version", want: process.ErrVersion, says: []string{`"v9.9.9"`, "the server has"}},
		"never ready":     {mode: "never ready", options: process.Options{ReadyTimeout: 50 * time.Millisecond}, says: []string{"was not ready within 50ms"}},
		"no library":      {options: process.Options{Library: "missing"}, says: []string{"the worker cannot start: no library"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.mode != "" {
				test.options.Env = []string{"TENSORWIRE_TEST_MODE=" + test.mode}
			}
			p, err := process.Start(t.Context(), test.options)
			if err == nil {
				p.Kill(nil)
				t.Fatal("it starts")
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
		})
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := process.Start(ctx, process.Options{Env: []string{"TENSORWIRE_TEST_MODE=silent"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// TestStartsLeakNothing starts and ends many workers, in each of the ways.
func TestStartsLeakNothing(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	once := func(i int) {
		if i%10 == 9 {
			if _, err := startBad(t, "exit", process.Options{}); err == nil {
				t.Fatal("it starts")
			}
			return
		}
		p, err := process.Start(t.Context(), process.Options{})
		if err != nil {
			t.Fatal(err)
		}
		switch i % 3 {
		case 0:
			p.Kill(nil)
		case 1:
			p.Stop(t.Context())
		case 2:
			if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
		<-p.Done()
		if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("worker %d is not reaped: %v", p.PID(), err)
		}
	}
	for i := range 3 { // the poller and others open their own files
		once(i)
	}
	before, goroutines := count(), runtime.NumGoroutine()
	starts := 200
	if raceEnabled {
		starts = 40 // with the race detector, a start takes half a second
	}
	for i := range starts {
		once(i)
	}
	until(t, "the descriptors of before", func() bool { return count() <= before })
	until(t, "the goroutines of before", func() bool { return runtime.NumGoroutine() <= goroutines })
}
