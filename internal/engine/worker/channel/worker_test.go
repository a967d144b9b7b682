//go:build linux

package channel_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

func TestListenChecksSlots(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{-1, 0, channel.MaxSlots + 1} {
		if _, err := channel.Listen(slots, channel.Options{}); err == nil {
			t.Errorf("%d slots: no error", slots)
		}
	}
}

func TestAttachChecksFiles(t *testing.T) {
	t.Parallel()
	if _, err := channel.Attach(nil); err == nil || err.Error() != "a channel has 2 files, found 0" {
		t.Error(err)
	}
	s, err := channel.Listen(1, channel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Fail(errDied)
	other, err := os.OpenFile(t.TempDir()+"/file", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := channel.Attach([]*os.File{other, s.Files()[1]}); err == nil || !strings.Contains(err.Error(), "not of a channel of this version") {
		t.Error(err)
	}
}

// serve serves a channel in the process of the test.
func serve(t *testing.T, o channel.Options, run channel.RunFunc) (s *channel.Server, ended chan error) {
	t.Helper()
	s, err := channel.Listen(2, o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := channel.Attach(s.Files())
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan error, 1)
	var group sync.WaitGroup
	group.Go(func() { ended <- w.Serve(run) })
	t.Cleanup(func() {
		s.Fail(errDied)
		group.Wait()
	})
	return s, ended
}

func TestServeEndsWithTheServer(t *testing.T) {
	t.Parallel()
	started := make(chan struct{})
	s, ended := serve(t, channel.Options{}, func(ctx context.Context, _ uint64, _ []tensor.Tensor) (*engine.Result, error) {
		close(started)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ran := make(chan error)
	go func() {
		_, err := s.Run(t.Context(), 1, nil)
		ran <- err
	}()
	<-started
	s.Fail(errDied)
	s.Fail(errors.New("a second error"))
	if err := <-ran; !errors.Is(err, errDied) {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The result of a run stays valid until the server has sent a larger segment, and is
// released once, also when the server does not want it.
func TestResultsAreReleased(t *testing.T) {
	t.Parallel()
	released := make(chan struct{}, 10)
	s, _ := serve(t, channel.Options{MaxOutputBytes: 2 << 20}, func(_ context.Context, _ uint64, inputs []tensor.Tensor) (*engine.Result, error) {
		size, _ := tensor.View[int64](inputs[0].Data)
		out := uint8s(int(size[0]))
		return &engine.Result{Outputs: []tensor.Tensor{out}, Free: func() {
			clear(out.Data)
			released <- struct{}{}
		}}, nil
	})
	for _, size := range []int{100, 100_000, 2_000_000, 2<<20 + 1, 100} {
		result, err := s.Run(t.Context(), 1, []tensor.Tensor{int64s(int64(size))})
		switch {
		case size > 2<<20:
			if !errors.Is(err, engine.ErrTooLarge) {
				t.Error(err)
			}
		case err != nil:
			t.Error(err)
		case !equal(result.Outputs[0], uint8s(size)):
			t.Errorf("%d bytes: wrong output", size)
		}
		<-released
	}
	if len(released) != 0 {
		t.Error("a result was released twice")
	}
}

// After a long run, the next one is waited for in another way.
func TestLongRuns(t *testing.T) {
	t.Parallel()
	p := start(t, 2, channel.Options{})
	for i := range int64(10) {
		result, err := p.Run(t.Context(), slow, []tensor.Tensor{int64s(i % 3)})
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Outputs[0]; !equal(got, int64s(i%3)) {
			t.Errorf("run %d: %v", i, got)
		}
	}
}
