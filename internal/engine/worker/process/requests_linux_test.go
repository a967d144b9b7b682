package process_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

func TestLoadRunUnload(t *testing.T) {
	p := start(t, process.Options{Slots: 2})
	if p.Info().Runtime != "fake 1" || p.Death() != nil {
		t.Errorf("%+v, %v", p.Info(), p.Death())
	}
	first, err := p.Load(t.Context(), process.LoadRequest{Path: "a"})
	if err != nil || first.Signature.Outputs[0].Name != "a" {
		t.Fatalf("%+v, %v", first, err)
	}
	second := load(t, p, "b")
	for _, id := range []uint64{first.ID, second} {
		if got, err := run(t.Context(), p, id, "echo"); err != nil || got != "echo" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := run(t.Context(), p, first.ID, "bad input"); !errors.Is(err, engine.ErrBadInput) || errors.Is(err, engine.ErrCrashed) {
		t.Errorf("error %v", err)
	}
	if err := p.Unload(t.Context(), first.ID); err != nil {
		t.Error(err)
	}
	if _, err := run(t.Context(), p, first.ID, "echo"); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a run after Unload: %v", err)
	}
	if err := p.Unload(t.Context(), first.ID); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a second Unload: %v", err)
	}
	if got, err := run(t.Context(), p, second, "echo"); err != nil || got != "echo" {
		t.Errorf("%q, %v", got, err)
	}
}

// The limit of a model's outputs holds for it instead of the channel's.
func TestOutputsAreLimitedByModel(t *testing.T) {
	p := start(t, process.Options{Slots: 1, Channel: channel.Options{MaxOutputBytes: 2 << 20}})
	for limit, want := range map[int64]error{0: engine.ErrTooLarge, 1 << 20: engine.ErrTooLarge, 4 << 20: nil, math.MaxInt64: nil} {
		loaded, err := p.Load(t.Context(), process.LoadRequest{Path: "large", Options: engine.LoadOptions{MaxOutputBytes: limit}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(t.Context(), p, loaded.ID, ""); !errors.Is(err, want) {
			t.Errorf("limit %d: %v, want %v", limit, err, want)
		}
	}
}

// Memory that is shared with a worker is bounded.
func TestSharedMemoryIsLimited(t *testing.T) {
	p := start(t, process.Options{Slots: 1, Channel: channel.Options{MaxSharedBytes: 1 << 20}})
	if _, err := run(t.Context(), p, load(t, p, "large"), ""); !errors.Is(err, engine.ErrOutOfMemory) {
		t.Errorf("error %v", err)
	}
}

func TestLoadErrorsKeepTheirSentinel(t *testing.T) {
	p := start(t, process.Options{})
	_, err := p.Load(t.Context(), process.LoadRequest{Platform: "onnx", Path: "bad"})
	if !errors.Is(err, engine.ErrBadModel) || err.Error() != "bad model: of platform onnx" {
		t.Errorf("error %v", err)
	}
}

// A load blocks no other, and its caller may leave.
func TestLoadsAreConcurrentAndCanceled(t *testing.T) {
	p := start(t, process.Options{})
	for _, path := range []string{"until canceled", "stubborn"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := p.Load(ctx, process.LoadRequest{Path: path})
			ended <- err
		}()
		if err := p.Unload(t.Context(), load(t, p, "meanwhile")); err != nil {
			t.Error(err)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if got, err := run(t.Context(), p, load(t, p, "x"), "echo"); err != nil || got != "echo" {
		t.Errorf("%q, %v", got, err)
	}
}

// The models of loads whose callers left, at any time, are unloaded.
func TestAbandonedLoadsAreUnloaded(t *testing.T) {
	p := start(t, process.Options{})
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Microsecond)
		if loaded, err := p.Load(ctx, process.LoadRequest{Path: "x"}); err == nil {
			if err := p.Unload(t.Context(), loaded.ID); err != nil {
				t.Error(err)
			}
		}
		cancel()
	}
	until(t, "without sessions", func() bool {
		id := load(t, p, "open sessions")
		count, err := run(t.Context(), p, id, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Unload(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return count == "0"
	})
}

func TestProfiles(t *testing.T) {
	p := start(t, process.Options{})
	stacks, err := p.Profile(t.Context(), "goroutine", 2, 0)
	if err != nil || !strings.Contains(string(stacks), "child.(*server).serve") {
		t.Errorf("%s, %v", stacks, err)
	}
	for _, name := range []string{"heap", "cpu"} {
		if profile, err := p.Profile(t.Context(), name, 0, time.Millisecond); err != nil || !strings.HasPrefix(string(profile), "\x1f\x8b") {
			t.Errorf("%s: %d bytes, %v", name, len(profile), err)
		}
	}
	if _, err := p.Profile(t.Context(), "no such", 0, 0); err == nil || !strings.Contains(err.Error(), `no profile "no such"`) {
		t.Errorf("error %v", err)
	}
}
