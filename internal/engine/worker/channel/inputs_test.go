//go:build linux

package channel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// message returns memory of a message that has a tensor at an offset, and the tensor.
func message(t testing.TB, in *channel.Inputs, size, offset, length int) tensor.Tensor {
	t.Helper()
	memory := in.Allocate(size)
	if len(memory) != size || !in.Allocated(pointer(memory)) || in.Allocated(pointer(memory[1:])) {
		t.Fatalf("%d bytes of %d", len(memory), size)
	}
	for i := range memory {
		memory[i] = byte(i * 13)
	}
	return tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{int64(length)}, Data: memory[offset:][:length]}
}

// Inputs in shared memory are read where they are: the channel has no segment for them.
func TestInputsInSharedMemoryAreNotCopied(t *testing.T) {
	t.Parallel()
	in := channel.NewInputs()
	p := start(t, 2, channel.Options{Inputs: in})
	first, second := message(t, in, 100_000, 8, 50_000), message(t, in, 20_480, 480, 20_000)
	small := tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{9}, Data: first.Data[1000:1009]}
	total := func(inputs ...tensor.Tensor) (sum uint64) {
		for i := range inputs {
			for _, b := range inputs[i].Data {
				sum += uint64(b)
			}
		}
		return sum
	}
	for _, inputs := range [][]tensor.Tensor{{first}, {small, second, first}, {second, uint8s(10)}} {
		result, err := p.Run(t.Context(), sum, inputs)
		if err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(result.Outputs[0].Data); got != total(inputs...) {
			t.Errorf("sum %d, want %d", got, total(inputs...))
		}
	}
	if n := p.SharedBytes(); n != 0 {
		t.Errorf("%d bytes were allocated for inputs", n)
	}
	mixed := []tensor.Tensor{first, uint8s(70_000), second} // the second is elsewhere
	result, err := p.Run(t.Context(), echo, mixed)
	if err != nil {
		t.Fatal(err)
	}
	for i, out := range result.Outputs {
		if !bytes.Equal(out.Data, mixed[i].Data) {
			t.Errorf("output %d differs", i)
		}
	}
	if n := p.SharedBytes(); n < 70_000 {
		t.Error("the input that is elsewhere has no segment")
	}
	if _, err := p.Run(t.Context(), write, []tensor.Tensor{first}); err == nil || err.Error() != "mprotect: permission denied" {
		t.Errorf("the worker can write inputs: %v", err)
	}
}

// Memory of inputs is freed on both sides when nothing refers to it, and not before the
// worker has answered: also where the caller, which had the last reference, has left.
func TestInputsAreFreed(t *testing.T) {
	t.Parallel()
	in := channel.NewInputs()
	p := start(t, 2, channel.Options{Inputs: in})
	dead := start(t, 1, channel.Options{Inputs: in})
	runs := func() {
		for i := range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%3)*time.Millisecond)
			if _, err := p.Run(ctx, untilDone, []tensor.Tensor{message(t, in, 50_000, 0, 50_000)}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("run %d: %v", i, err)
			}
			cancel()
		}
		if _, err := dead.Run(t.Context(), crash, []tensor.Tensor{message(t, in, 50_000, 0, 50_000)}); !errors.Is(err, errDied) {
			t.Error(err)
		}
	}
	runs()
	eventually(t, "the memory is freed", func() bool {
		runtime.GC()
		return in.Count() == 0 && resourcesOf(t, p.cmd.Process.Pid).segments == 1 // its control segment
	})
}

// The garbage collector frees no input that a run uses.
func TestInputsStayWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	in := channel.NewInputs()
	p := start(t, 4, channel.Options{Inputs: in})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for i := range 30 {
				length := 50_000 + i
				values := int64s(int64(i % 3)) // a delay in ms
				result, err := p.Run(t.Context(), slow, []tensor.Tensor{values, message(t, in, 60_000, 16, length)})
				if err != nil {
					t.Error(err)
					return
				}
				for at, b := range result.Outputs[1].Data {
					if b != byte((at+16)*13) {
						t.Errorf("byte %d of run %d is %d", at, i, b)
						return
					}
				}
				result.Release()
				runtime.GC()
			}
		})
	}
	callers.Wait()
}

// Each segment has an open file. Beyond the limit inputs are in other memory, and copied.
func TestSegmentsOfInputsAreBounded(t *testing.T) {
	before := resourcesOf(t, os.Getpid())
	in := channel.NewInputs()
	var kept [][]byte
	for range 1000 {
		memory := in.Allocate(16 << 10)
		if memory == nil {
			break
		}
		kept = append(kept, memory)
	}
	if n := resourcesOf(t, os.Getpid()).files - before.files; len(kept) > 300 || len(kept) < 100 || n > 300 {
		t.Errorf("%d segments with %d files", len(kept), n)
	}
	runtime.KeepAlive(kept) // not after this
	eventually(t, "the memory is freed", func() bool { runtime.GC(); return in.Count() == 0 })
	if in.Allocate(16<<10) == nil {
		t.Error("there is no room after all segments were freed")
	}
	eventually(t, "the memory is freed", func() bool { runtime.GC(); return in.Count() == 0 })
}
