package load

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

const (
	childVariable = "LOAD_PROCESS_TEST"
	childMemory   = 64 << 20
	childCPU      = 200 * time.Millisecond
)

// The test program is also the process with a child, and that child.
func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "parent":
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"=child")
		in, _ := cmd.StdinPipe()
		out, _ := cmd.StdoutPipe()
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		_, _ = out.Read(make([]byte, 1))
		fmt.Println()
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test wants the child to end
		_ = in.Close()
		_ = cmd.Wait()
		time.Sleep(time.Minute)
	case "child":
		held := make([]byte, childMemory)
		for i := range held {
			held[i] = 1
		}
		self := Process{PID: os.Getpid()}
		for used, ok := self.CPUTime(); ok && used < childCPU; {
			used, ok = self.CPUTime()
		}
		fmt.Println()
		_, _ = io.Copy(io.Discard, os.Stdin)
		runtime.KeepAlive(held)
	default:
		os.Exit(m.Run())
	}
}

// CPU time and memory include a child, and its CPU time also after it has ended.
func TestTheWholeTreeIsMeasured(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"=parent")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil { // the child is ready
		t.Fatal(err)
	}
	p := Process{PID: cmd.Process.Pid}
	if n := len(p.tree()); n != 2 {
		t.Fatalf("the tree has %d processes, want 2", n)
	}
	used, ok := p.CPUTime()
	if !ok || used < childCPU {
		t.Errorf("CPU time is %v, want the child's %v at least", used, childCPU)
	}
	now, peak, err := p.Memory()
	if err != nil || now < childMemory || peak < now {
		t.Errorf("memory is %d, its peak %d, %v, want the child's %d at least", now, peak, err, childMemory)
	}
	alone := Process{PID: p.PID, Alone: true}
	if own, ok := alone.CPUTime(); !ok || own > used-childCPU+20*time.Millisecond { // the parent is idle
		t.Errorf("CPU time without the child is %v of %v", own, used)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	for len(p.tree()) > 1 {
		runtime.Gosched()
	}
	if after, ok := p.CPUTime(); !ok || after < childCPU-20*time.Millisecond { // two ticks
		t.Errorf("CPU time is %v after the child has ended, want its %v at least", after, childCPU)
	}
	if after, _, err := p.Memory(); err != nil || after > now-childMemory/2 {
		t.Errorf("memory is %d after the child has ended, %v, was %d", after, err, now)
	}
}
