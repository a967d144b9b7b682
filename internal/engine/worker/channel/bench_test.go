//go:build linux

package channel_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// BenchmarkRun measures a run of a model that computes nothing, in the worker and in
// process. "input" has inputs of the size and an output of 8 bytes, "echo" outputs of the
// size too. "shared" has the inputs in memory that the worker can read. cpu-ns/op is the CPU time of both processes.
func BenchmarkRun(b *testing.B) {
	for _, shape := range []struct {
		name    string
		session uint64
		sizes   []int
	}{{"input", sink, []int{16, 602_112, 20_000_000}}, {"echo", echo, []int{602_112, 20_000_000}}} {
		for _, size := range shape.sizes {
			inputs := []tensor.Tensor{uint8s(size)}
			for _, callers := range []int{1, 4, 32} {
				name := fmt.Sprintf("%s/bytes=%d/callers=%d", shape.name, size, callers)
				b.Run(name+"/worker", func(b *testing.B) {
					p := start(b, callers, channel.Options{LendBytes: 1 << 30})
					measure(b, callers, p.cmd.Process.Pid, func() (*engine.Result, error) {
						return p.Run(context.Background(), shape.session, inputs)
					})
				})
				b.Run(name+"/worker,shared", func(b *testing.B) {
					in := channel.NewInputs()
					p := start(b, callers, channel.Options{LendBytes: 1 << 30, Inputs: in})
					inputs := []tensor.Tensor{message(b, in, size, 0, size)}
					measure(b, callers, p.cmd.Process.Pid, func() (*engine.Result, error) {
						return p.Run(context.Background(), shape.session, inputs)
					})
				})
				b.Run(name+"/inprocess", func(b *testing.B) {
					measure(b, callers, 0, func() (*engine.Result, error) {
						return runModel(context.Background(), shape.session, inputs)
					})
				})
			}
		}
	}
}

// measure calls run from that many goroutines. pid is the worker's, 0 without one.
func measure(b *testing.B, callers, pid int, run func() (*engine.Result, error)) {
	var left atomic.Int64
	loop := func(n int) {
		left.Store(int64(n))
		var group sync.WaitGroup
		for range callers {
			group.Go(func() {
				for left.Add(-1) >= 0 {
					result, err := run()
					if err != nil {
						b.Error(err)
						return
					}
					result.Release()
				}
			})
		}
		group.Wait()
	}
	loop(10 * callers)
	before := cpu(b, os.Getpid()) + cpu(b, pid)
	b.ResetTimer()
	loop(b.N)
	b.StopTimer()
	b.ReportMetric(float64(cpu(b, os.Getpid())+cpu(b, pid)-before)/float64(b.N), "cpu-ns/op")
}

// cpu returns the CPU time of a process, 0 for pid 0 (see clock_getcpuclockid(3)).
func cpu(b *testing.B, pid int) time.Duration {
	if pid == 0 {
		return 0
	}
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}
