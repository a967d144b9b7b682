//go:build linux

package channel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

func equal(a, b tensor.Tensor) bool {
	return a.DataType == b.DataType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Data, b.Data)
}

func TestTensorsCross(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{})
	strings := tensor.AppendElement(tensor.AppendElement(nil, []byte("ab")), nil)
	many := make([]tensor.Tensor, 900)
	for i := range many {
		many[i] = int64s(int64(i))
	}
	for name, inputs := range map[string][]tensor.Tensor{
		"none":                    {},
		"small":                   {uint8s(16)},
		"scalar":                  {{DataType: tensor.FP32, Shape: tensor.Shape{}, Data: make([]byte, 4)}},
		"empty":                   {{DataType: tensor.FP32, Shape: tensor.Shape{1, 0, 3}}, uint8s(3)},
		"strings":                 {{DataType: tensor.Bytes, Shape: tensor.Shape{2, 1}, Data: strings}},
		"large strings":           {{DataType: tensor.Bytes, Shape: tensor.Shape{1}, Data: tensor.AppendElement(nil, make([]byte, 100_000))}},
		"not a tensor":            {{}, uint8s(1)},
		"an image":                {uint8s(602_112)},
		"20 MB":                   {uint8s(20_000_000)},
		"small beside large":      {uint8s(5), uint8s(100_000), uint8s(7), {DataType: tensor.Bool, Shape: tensor.Shape{0}}, uint8s(50_001)},
		"many":                    many,
		"more than a message has": {uint8s(16_383), uint8s(16_383), uint8s(16_383), uint8s(16_383), uint8s(16_383), uint8s(16_383)},
	} {
		for range 3 { // the first run grows the output segment
			result, err := p.Run(t.Context(), echo, inputs)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.EqualFunc(result.Outputs, inputs, equal) {
				t.Fatalf("%s: the outputs differ from the inputs", name)
			}
			if result.Timings.Compute <= 0 {
				t.Errorf("%s: compute time %v", name, result.Timings.Compute)
			}
			result.Release()
		}
	}
}

func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	p := start(t, 4, channel.Options{LendBytes: 1 << 20})
	var group sync.WaitGroup
	for caller := range 16 {
		group.Go(func() {
			for i := range 100 {
				size := []int64{1, 1000, 20_000, 300_000}[(caller+i)%4]
				result, err := p.Run(t.Context(), fill, []tensor.Tensor{int64s(size, int64(caller))})
				if err != nil {
					t.Error(err)
					return
				}
				if data := result.Outputs[0].Data; len(data) != int(size) || bytes.Count(data, []byte{byte(caller)}) != len(data) {
					t.Errorf("caller %d: wrong output of %d bytes", caller, len(data))
				}
				result.Release()
			}
		})
	}
	group.Wait()
	if n := p.Running(); n != 0 {
		t.Errorf("%d slots are occupied", n)
	}
}

func TestErrorsCross(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	for i, sentinel := range sentinels {
		_, err := p.Run(t.Context(), bad, []tensor.Tensor{uint8s(1), {DataType: tensor.Uint8, Shape: tensor.Shape{1}, Data: []byte{byte(i)}}}[1:])
		if !errors.Is(err, sentinel) || err.Error() != sentinel.Error()+`: input "x"` {
			t.Errorf("error %v, want %v", err, sentinel)
		}
		for j, other := range sentinels {
			if j != i && errors.Is(err, other) {
				t.Errorf("error %v is also %v", err, other)
			}
		}
	}
	_, err := p.Run(t.Context(), 99, nil)
	if err == nil || err.Error() != "unknown session" {
		t.Error(err)
	}
	if _, err := p.Run(t.Context(), echo, make([]tensor.Tensor, 5000)); !errors.Is(err, engine.ErrBadInput) || !strings.Contains(err.Error(), "5000 of them take") {
		t.Error(err)
	}
	if _, err := p.Run(t.Context(), echo, []tensor.Tensor{uint8s(1)}); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

func TestOutputsAreLimited(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{MaxOutputBytes: 1 << 20, MaxSharedBytes: 3 << 20})
	if _, err := p.Run(t.Context(), fill, []tensor.Tensor{int64s(1<<20+1, 0)}); !errors.Is(err, engine.ErrTooLarge) {
		t.Errorf("output above the limit: %v", err)
	}
	if _, err := p.Run(t.Context(), echo, []tensor.Tensor{uint8s(4 << 20)}); !errors.Is(err, engine.ErrOutOfMemory) {
		t.Errorf("input above the channel's memory: %v", err)
	}
	// An idle segment of another size makes room.
	for _, size := range []int{1 << 20, 100, 200_000, 1 << 20, 2 << 20} {
		if _, err := p.Run(t.Context(), sum, []tensor.Tensor{uint8s(size)}); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	// An expectation of large outputs is no reason to fail.
	for _, inputs := range [][]tensor.Tensor{{int64s(1<<20, 0)}, {int64s(10, 0), uint8s(5 << 19)}} {
		if _, err := p.Run(t.Context(), fill, inputs); err != nil {
			t.Error(err)
		}
	}
	if n := p.SharedBytes(); n > 3<<20 {
		t.Errorf("%d bytes are shared", n)
	}
}

func TestContextEndsRun(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{})
	for i := range 20 {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() {
			_, err := p.Run(ctx, untilDone, []tensor.Tensor{uint8s(100_000)})
			ended <- err
		}()
		eventually(t, "run", func() bool { return p.Running() == 1 })
		cancel(nil)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		eventually(t, fmt.Sprint("the worker ends run ", i), func() bool { return p.Running() == 0 })
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx, echo, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRunsWaitForSlots(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := p.Run(ctx, untilDone, nil)
		first <- err
	}()
	eventually(t, "run", func() bool { return p.Running() == 1 })
	waiting, leave := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		_, err := p.Run(waiting, echo, nil)
		second <- err
	}()
	leave()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() {
		_, err := p.Run(t.Context(), echo, nil)
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}

func TestDeathEndsRuns(t *testing.T) {
	t.Parallel()
	p := start(t, 3, channel.Options{})
	errs := make(chan error)
	for range 5 { // two of them wait for a slot
		go func() {
			_, err := p.Run(t.Context(), untilDone, []tensor.Tensor{uint8s(50_000)})
			errs <- err
		}()
	}
	eventually(t, "runs", func() bool { return p.Running() == 3 })
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := <-errs; !errors.Is(err, errDied) {
			t.Error(err)
		}
	}
	if _, err := p.Run(t.Context(), echo, nil); !errors.Is(err, errDied) {
		t.Error(err)
	}
	eventually(t, "the memory is freed", func() bool { return p.SharedBytes() == 0 })
}

func TestCrashEndsRun(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	if _, err := p.Run(t.Context(), crash, nil); !errors.Is(err, errDied) {
		t.Error(err)
	}
}

// A run may begin after the worker died and before Fail is called.
func TestDeathBeforeRun(t *testing.T) {
	t.Parallel()
	s, err := channel.Listen(2, channel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files() {
		f.Close() // all ends of the worker
	}
	ended := make(chan error)
	go func() {
		_, err := s.Run(t.Context(), echo, nil)
		ended <- err
	}()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, err := s.Run(ctx, echo, nil)
		ended <- err
	}()
	eventually(t, "runs", func() bool { return s.Running() == 2 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.Fail(errDied)
	if err := <-ended; !errors.Is(err, errDied) {
		t.Error(err)
	}
}

// A stopped worker answers nothing and reads nothing.
func TestStoppedWorkerBlocksNothing(t *testing.T) {
	t.Parallel()
	p := start(t, 300, channel.Options{})
	if _, err := p.Run(t.Context(), echo, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 299 { // more notices than the socket's buffer has room for
		go func() {
			_, err := p.Run(ctx, echo, []tensor.Tensor{uint8s(20_000)})
			errs <- err
		}()
	}
	eventually(t, "runs", func() bool { return p.Running() == 299 })
	cancel()
	ended := make(chan error)
	go func() {
		_, err := p.Run(t.Context(), echo, nil)
		ended <- err
	}()
	p.Fail(errDied)
	if err := <-ended; !errors.Is(err, errDied) {
		t.Error(err)
	}
	for range 299 { // Fail may be first
		if err := <-errs; !errors.Is(err, context.Canceled) && !errors.Is(err, errDied) {
			t.Fatal(err)
		}
	}
}
