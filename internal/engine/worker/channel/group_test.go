//go:build linux

package channel_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// A group returns a result for each request, of its own tensors.
func TestGroupsCross(t *testing.T) {
	t.Parallel()
	p := start(t, 4, channel.Options{})
	texts := tensor.AppendElement(tensor.AppendElement(nil, []byte("ab")), nil)
	kinds := [][]tensor.Tensor{
		{},
		{uint8s(3)},
		{uint8s(5), int64s(1, 2)},
		{{DataType: tensor.FP32, Shape: tensor.Shape{}, Data: make([]byte, 4)}},
		{{DataType: tensor.FP32, Shape: tensor.Shape{1, 0, 3}}, uint8s(3)},
		{{DataType: tensor.Bytes, Shape: tensor.Shape{2, 1}, Data: texts}},
		{{}, uint8s(1)},
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for size := 1; size <= 64; size++ {
				requests := make([][]tensor.Tensor, size)
				for i := range requests {
					requests[i] = kinds[(i+size)%len(kinds)]
				}
				results, err := p.RunGroup(t.Context(), echo, requests)
				if err != nil || len(results) != size {
					t.Errorf("%d results, error %v", len(results), err)
					return
				}
				for i, result := range results {
					if result == nil || !slices.EqualFunc(result.Outputs, requests[i], equal) || result.Timings.Compute <= 0 {
						t.Errorf("result %d of %d: %v", i, size, result)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if n := p.Running(); n != 0 {
		t.Errorf("%d slots are occupied", n)
	}
}

// A request that fails, or whose outputs do not fit, has no result. The others have.
func TestGroupsWithoutResults(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	fails := []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{1}, Data: []byte{0}}}
	results, err := p.RunGroup(t.Context(), bad, [][]tensor.Tensor{fails, fails})
	if err != nil || len(results) != 2 || results[0] != nil || results[1] != nil {
		t.Errorf("results %v, error %v", results, err)
	}
	var requests [][]tensor.Tensor
	for _, size := range []int64{10, 100_000, 20, 15_000, 15_000, 15_000, 15_000, 15_000, 30} {
		requests = append(requests, []tensor.Tensor{int64s(size, 7)})
	}
	results, err = p.RunGroup(t.Context(), fill, requests)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	for _, result := range results {
		if result == nil {
			sizes = append(sizes, -1)
		} else {
			sizes = append(sizes, len(result.Outputs[0].Data))
		}
	}
	if want := []int{10, -1, 20, 15_000, 15_000, 15_000, 15_000, -1, 30}; !slices.Equal(sizes, want) {
		t.Errorf("outputs of %v bytes, want %v", sizes, want)
	}
	for name, requests := range map[string][][]tensor.Tensor{
		"none": nil, "too many": make([][]tensor.Tensor, 65), "a large tensor": {{uint8s(100)}, {uint8s(20_000)}},
		"large together": slices.Repeat([][]tensor.Tensor{{uint8s(10_000)}}, 10),
	} {
		if _, err := p.RunGroup(t.Context(), echo, requests); !errors.Is(err, engine.ErrTooLarge) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if results, err := p.RunGroup(t.Context(), 99, [][]tensor.Tensor{{uint8s(1)}}); err != nil || results[0] != nil {
		t.Errorf("an unknown session: %v, %v", results, err)
	}
}

func TestContextEndsGroup(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := p.RunGroup(ctx, untilDone, [][]tensor.Tensor{{uint8s(1)}, {uint8s(2)}})
		ended <- err
	}()
	eventually(t, "run", func() bool { return p.Running() == 1 })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := p.RunGroup(ctx, echo, [][]tensor.Tensor{{}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if results, err := p.RunGroup(t.Context(), echo, [][]tensor.Tensor{{uint8s(1)}}); err != nil || results[0] == nil {
		t.Errorf("after the end: %v, %v", results, err)
	}
}

func TestDeathEndsGroup(t *testing.T) {
	t.Parallel()
	p := start(t, 1, channel.Options{})
	if _, err := p.RunGroup(t.Context(), crash, [][]tensor.Tensor{{uint8s(1)}, {uint8s(2)}}); !errors.Is(err, errDied) {
		t.Error(err)
	}
	if _, err := p.RunGroup(t.Context(), echo, [][]tensor.Tensor{{uint8s(1)}}); !errors.Is(err, errDied) {
		t.Error(err)
	}
}
