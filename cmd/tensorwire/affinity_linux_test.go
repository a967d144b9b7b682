package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// Workers stay on the CPUs that the server may use, with all threads, also those of the runtime.
func TestWorkersInheritTheCPUs(t *testing.T) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	if all.Count() < 2 {
		t.Skip("there is one CPU only")
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	runtime.LockOSThread() // the server inherits the affinity of this thread
	defer runtime.UnlockOSThread()
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.SchedSetaffinity(0, &all); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	check := negatives(t, dir)
	writeModel(t, dir, "threads", onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Encode(), `parameters { key: "intra_op_thread_count" value: { string_value: "4" } }`)
	s := startSeparate(t, "--models", dir, "--isolation", "version")
	if err := check(t.Context(), senders(t, s.url, honest)["rest"]); err != nil {
		t.Error(err)
	}
	pids := childrenOf(t, s.cmd.Process.Pid)
	if len(pids) == 0 {
		t.Fatal("there are no workers")
	}
	allowed := regexp.MustCompile(`(?m)^Cpus_allowed_list:\s(.*)$`)
	for _, pid := range pids {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil || len(tasks) == 0 {
			t.Fatal(tasks, err)
		}
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			if err != nil {
				continue // the thread has ended
			}
			if match := allowed.FindSubmatch(text); match == nil || string(match[1]) != fmt.Sprint(cpu) {
				t.Errorf("%s runs on the CPUs %s, want %d", task, match, cpu)
			}
		}
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !regexp.MustCompile(`(^|\x00)GOMAXPROCS=2\x00`).Match(environment) || !regexp.MustCompile(`\x00GOMEMLIMIT=\d+`).Match(environment) {
			t.Errorf("the environment is %q, %v", environment, err)
		}
	}
}
