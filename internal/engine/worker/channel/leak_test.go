//go:build linux

package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// resources are what a channel takes from the system.
type resources struct{ files, segments, bytes int }

// resourcesOf counts the open files of a process and its mapped shared memory.
func resourcesOf(t *testing.T, pid int) (r resources) {
	t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err == nil && strings.Contains(line, "memfd:tensorwire") {
			r.segments++
			r.bytes += to - from
		}
	}
	r.files = len(files)
	return r
}

// The test is not parallel: it counts what the whole process has.
func TestNothingLeaks(t *testing.T) {
	warm := start(t, 1, channel.Options{})
	if _, err := warm.Run(t.Context(), echo, nil); err != nil {
		t.Fatal(err)
	}
	before, goroutines := resourcesOf(t, os.Getpid()), goleak.IgnoreCurrent()
	for round := range 10 {
		unused, err := channel.Listen(4, channel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		unused.Fail(errDied) // its worker did not start
		p := start(t, 4, channel.Options{MaxOutputBytes: 1 << 20, LendBytes: 300_000, IdleTime: time.Millisecond})
		var lent []*engine.Result
		for i := range 100 {
			leakRun(t, p, i, &lent)
		}
		if round%2 == 0 { // it dies while runs wait
			ended := make(chan error)
			go func() {
				_, err := p.Run(t.Context(), untilDone, []tensor.Tensor{uint8s(100_000)})
				ended <- err
			}()
			eventually(t, "run", func() bool { return p.Running() > 0 })
			p.kill()
			if err := <-ended; !errors.Is(err, errDied) {
				t.Error(err)
			}
		}
		p.kill()
		for _, result := range lent {
			result.Release()
		}
		if n := p.SharedBytes(); n != 0 {
			t.Errorf("round %d: %d bytes are shared", round, n)
		}
	}
	// Idle segments are freed by a timer.
	eventually(t, fmt.Sprintf("the process has what it had: %+v", before), func() bool {
		return resourcesOf(t, os.Getpid()) == before
	})
	goleak.VerifyNone(t, goroutines)
}

// leakRun makes a run of one of several kinds.
func leakRun(t *testing.T, p *process, i int, lent *[]*engine.Result) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	session, want, inputs := uint64(echo), error(nil), []tensor.Tensor{uint8s(10 + i)}
	switch i % 6 {
	case 1:
		inputs = []tensor.Tensor{uint8s(100_000)}
	case 2:
		session, want, inputs = bad, engine.ErrRun, []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{1}, Data: []byte{1}}}
	case 3:
		session, want, inputs = fill, engine.ErrTooLarge, []tensor.Tensor{int64s(1<<20+1, 0)}
	case 4:
		session, want = untilDone, context.Canceled
		inputs = []tensor.Tensor{uint8s(20_000)}
		time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
	case 5:
		session, inputs = fill, []tensor.Tensor{int64s(200_000, 1)}
	}
	result, err := p.Run(ctx, session, inputs)
	switch {
	case !errors.Is(err, want):
		t.Errorf("run %d: error %v, want %v", i, err, want)
	case i%2 == 1 && len(*lent) < 3:
		*lent = append(*lent, result) // released after the worker died
	default:
		result.Release()
	}
}

// An unusually large run does not keep its memory on either side, while small ones go on.
func TestMemoryFallsBack(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{IdleTime: 10 * time.Millisecond})
	result, err := p.Run(t.Context(), echo, []tensor.Tensor{uint8s(20_000_000)})
	if err != nil {
		t.Fatal(err)
	}
	result.Release()
	eventually(t, "memory falls back", func() bool {
		result, err := p.Run(t.Context(), echo, []tensor.Tensor{uint8s(20_000)})
		if err != nil {
			t.Fatal(err)
		}
		result.Release()
		worker := resourcesOf(t, p.cmd.Process.Pid)
		return p.SharedBytes() < 1<<20 && worker.bytes < 2<<20
	})
}

// Lent outputs stay in shared memory, also after the worker died, and are bounded.
func TestLentOutputs(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{LendBytes: 400_000, IdleTime: time.Millisecond})
	run := func(value int64) *engine.Result {
		result, err := p.Run(t.Context(), fill, []tensor.Tensor{int64s(190_000, value)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	results := []*engine.Result{run(1), run(2), run(3)}
	eventually(t, "only lent memory is left", func() bool { return p.SharedBytes() <= 400_000 })
	if n := p.SharedBytes(); n < 2*190_000 {
		t.Errorf("%d bytes are shared, want two outputs", n)
	}
	results[0].Outputs[0].Data[0] = 1 // the caller may change its outputs
	p.kill()
	for i, result := range results {
		if data := result.Outputs[0].Data; len(data) != 190_000 || strings.Count(string(data), string(rune(i+1))) != len(data) {
			t.Errorf("result %d changed", i)
		}
		result.Release()
	}
	if n := p.SharedBytes(); n != 0 {
		t.Errorf("%d bytes are shared", n)
	}
	large := tensor.AppendElement(nil, make([]byte, 50_000))
	p = start(t, 1, channel.Options{LendBytes: 1 << 20, IdleTime: time.Millisecond})
	if _, err := p.Run(t.Context(), echo, []tensor.Tensor{{DataType: tensor.Bytes, Shape: tensor.Shape{1}, Data: large}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "BYTES are not lent", func() bool { return p.SharedBytes() == 0 })
}

// A lent result that is dropped without Release keeps its outputs as long as they are
// used. Then both sides free the memory, and it does not count as lent.
func TestDroppedResults(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{LendBytes: 1 << 20, IdleTime: time.Millisecond})
	run := func(value int64) []byte {
		result, err := p.Run(t.Context(), fill, []tensor.Tensor{int64s(190_000, value)})
		if err != nil {
			t.Fatal(err)
		}
		return result.Outputs[0].Data // without the result
	}
	var kept [][]byte
	for i := range int64(30) {
		if data := run(i); i%10 == 0 {
			kept = append(kept, data[1000:]) // a part
		}
		runtime.GC()
	}
	for i, data := range kept {
		if bytes.Count(data, []byte{byte(10 * i)}) != len(data) {
			t.Errorf("the outputs of run %d changed", 10*i)
		}
	}
	runtime.KeepAlive(kept) // not after this
	eventually(t, "the memory is freed", func() bool {
		runtime.GC()
		worker := resourcesOf(t, p.cmd.Process.Pid)
		return p.SharedBytes() == 0 && worker.segments == 1 // its control segment
	})
	if run(1); p.SharedBytes() == 0 {
		t.Error("nothing is lent after results were dropped")
	}
}

func TestWorkerCannotWriteInputs(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	if _, err := p.Run(t.Context(), write, []tensor.Tensor{uint8s(20_000)}); err == nil || err.Error() != "mprotect: permission denied" {
		t.Error(err)
	}
}
