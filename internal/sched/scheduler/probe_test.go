package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// picky is a model whose graph joins parts of fixed sizes, as Concat and Reshape do: it
// computes rows of the widths that fit, and fails on all others.
type picky struct {
	shapes
	fits   func(width int64, values []float32) bool
	broken bool
	limit  error // of failures; nil: an engine.ErrRun
}

func (p *picky) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	result, err := p.shapes.Run(ctx, inputs)
	values, _ := tensor.View[float32](inputs[0].Data)
	if p.broken || !p.fits(inputs[0].Shape[1], values) {
		if p.limit != nil {
			return nil, p.limit
		}
		return nil, fmt.Errorf("%w: Concat node, name 'join': dimensions do not match: %d", engine.ErrRun, inputs[0].Shape[1])
	}
	return result, err
}

func multipleOf32(width int64, _ []float32) bool { return width%32 == 0 }

// wide returns inputs of one row of that width, filled with value.
func wide(width int, value float32) []tensor.Tensor {
	return []tensor.Tensor{
		{DataType: tensor.FP32, Shape: tensor.Shape{1, int64(width)}, Data: tensor.AsBytes(slices.Repeat([]float32{value}, width))},
		stringsOf(0, 1),
	}
}

func (p *picky) open(t *testing.T, options scheduler.Options) engine.Session {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	s := scheduler.New(p, options)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// One client sends sizes that the model cannot compute, ten times a second. Every valid
// request is answered, also when nothing is known of the model.
func TestOneBadClientDoesNotAffectOthers(t *testing.T) {
	for name, test := range map[string]struct {
		fits    func(int64, []float32) bool
		prepare func(ctx context.Context, s engine.Session)
		probe   int64 // Options.ProbeBytes
		refused bool  // the bad client's error is an ErrBadInput
	}{
		"with a warmup":       {fits: multipleOf32, prepare: func(_ context.Context, s engine.Session) { engine.SetProbe(s, wide(64, 1)) }, refused: true},
		"after a success":     {fits: multipleOf32, prepare: func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(32, 1)) }, refused: true},
		"after a large one":   {fits: multipleOf32, prepare: func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(32*1024, 1)) }, refused: true},
		"inputs are not kept": {fits: multipleOf32, prepare: func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(32, 1)) }, probe: -1, refused: true},
		"a synthetic input":   {fits: func(width int64, _ []float32) bool { return width == 1 || width%32 == 0 }, refused: true},
		"zeros only":          {fits: func(width int64, v []float32) bool { return width%32 == 0 || v[0] == 0 }, refused: true},
		"image sizes":         {fits: multipleOf32, refused: true},
		"the request's shape": {fits: func(width int64, v []float32) bool { return width == 64 || width == 33 && v[0] == 0 }, refused: true},
		"nothing is known":    {fits: func(width int64, v []float32) bool { return width == 64 && v[0] == 7 }},
		"nothing helps": {
			fits:    func(width int64, v []float32) bool { return width%32 == 0 && v[0] == 7 },
			prepare: func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(32*1024, 7)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &picky{fits: test.fits}
				s := model.open(t, scheduler.Options{Instances: 2, ProbeBytes: test.probe})
				if test.prepare != nil {
					test.prepare(t.Context(), s)
				}
				var group sync.WaitGroup
				for range 5 { // at once, before the first valid request
					group.Go(func() { _, _ = s.Run(t.Context(), wide(33, 1)) })
				}
				group.Wait()
				for i := range 100 {
					_, err := s.Run(t.Context(), wide(33+i%7, 1))
					if i == 0 && errors.Is(err, engine.ErrBadInput) != test.refused || err == nil {
						t.Errorf("the bad client's error is %v", err)
					}
					if i%3 == 0 && name != "nothing is known" || i > 50 {
						if _, err := s.Run(t.Context(), wide(64, 7)); err != nil {
							t.Errorf("valid request %d: %v", i, err)
						}
					}
					// Nothing has ever succeeded: it looks broken, and valid requests succeed.
					looksBroken := name == "nothing is known" && i <= 51
					if err := engine.Failing(s); err != nil && !looksBroken {
						t.Errorf("the model is unhealthy: %v", err)
					}
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

// The error has the runtime's text.
func TestAnInputThatTheModelCannotComputeIsTheInputsFault(t *testing.T) {
	model := &picky{fits: multipleOf32}
	s := model.open(t, scheduler.Options{Instances: 1})
	engine.SetProbe(s, wide(32, 1))
	_, err := s.Run(t.Context(), wide(33, 1))
	if want := "bad input: the model cannot compute these inputs: Concat node, name 'join': dimensions do not match: 33"; !errors.Is(err, engine.ErrBadInput) || errors.Is(err, engine.ErrRun) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Failures that are no fault of inputs keep their error, and count only when the probe
// fails too.
func TestOtherFailuresKeepTheirError(t *testing.T) {
	for _, failure := range []error{engine.ErrOutOfMemory, engine.ErrCrashed, engine.ErrTimeLimit, errors.New("another")} {
		t.Run(failure.Error(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &picky{fits: multipleOf32, limit: fmt.Errorf("%w: the text", failure)}
				s := model.open(t, scheduler.Options{Instances: 1})
				engine.SetProbe(s, wide(32, 1))
				for range 10 {
					if _, err := s.Run(t.Context(), wide(33, 1)); !errors.Is(err, failure) || errors.Is(err, engine.ErrBadInput) || !strings.HasSuffix(err.Error(), ": the text") {
						t.Errorf("error %v", err)
					}
					if _, err := s.Run(t.Context(), wide(32, 1)); err != nil {
						t.Errorf("a valid request: %v", err)
					}
				}
				model.broken = true
				time.Sleep(time.Second)
				for range 5 {
					if _, err := s.Run(t.Context(), wide(33, 1)); !errors.Is(err, failure) {
						t.Errorf("error %v", err)
					}
				}
				if engine.Failing(s) == nil {
					t.Error("the model is broken, and healthy")
				}
			})
		})
	}
}

// Failures that come at the same time share a probe, and so do those of the next second.
func TestAtMostOneProbeASecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &picky{fits: multipleOf32, shapes: shapes{hold: 10 * time.Millisecond}}
		s := model.open(t, scheduler.Options{Instances: 4})
		engine.SetProbe(s, wide(32, 1))
		start := time.Now()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for time.Since(start) < 10*time.Second {
					if _, err := s.Run(t.Context(), wide(33, 1)); !errors.Is(err, engine.ErrBadInput) {
						t.Errorf("error %v", err)
					}
				}
			})
		}
		group.Wait()
		model.mu.Lock()
		defer model.mu.Unlock()
		probes := 0
		for _, shape := range model.shapes.shapes {
			if shape == "[1, 32]" {
				probes++
			}
		}
		if probes == 0 || probes > 10 {
			t.Errorf("%d probes in 10 s", probes)
		}
	})
}

// A model that fails on an input that it has computed is unhealthy after five failures, and
// recovers.
func TestABrokenModelIsUnhealthy(t *testing.T) {
	for name, known := range map[string]func(ctx context.Context, s engine.Session){
		"a warmup":          func(_ context.Context, s engine.Session) { engine.SetProbe(s, wide(64, 1)) },
		"a success":         func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(32, 1)) },
		"a synthetic input": func(ctx context.Context, s engine.Session) { _, _ = s.Run(ctx, wide(33, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &picky{fits: func(width int64, _ []float32) bool { return width%32 < 2 && width != 33 }}
				s := model.open(t, scheduler.Options{Instances: 1})
				known(t.Context(), s)
				model.broken = true
				time.Sleep(time.Second)
				for range 5 {
					if _, err := s.Run(t.Context(), wide(32, 1)); !errors.Is(err, engine.ErrRun) || errors.Is(err, engine.ErrBadInput) {
						t.Errorf("error %v", err)
					}
				}
				if _, err := s.Run(t.Context(), wide(32, 1)); !errors.Is(err, scheduler.ErrFailing) || engine.Failing(s) == nil {
					t.Errorf("error %v", err)
				}
				model.broken = false
				time.Sleep(time.Second)
				if _, err := s.Run(t.Context(), wide(33, 1)); !errors.Is(err, engine.ErrBadInput) || engine.Failing(s) != nil {
					t.Errorf("a trial with a bad input: %v, and then %v", err, engine.Failing(s))
				}
				if _, err := s.Run(t.Context(), wide(32, 1)); err != nil {
					t.Errorf("after it has recovered: %v", err)
				}
			})
		})
	}
}

// A model that has never computed anything rests only for the inputs on which it failed,
// and is reported as unhealthy.
func TestAModelThatNeverWorkedRestsForItsFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &picky{broken: true}
		s := model.open(t, scheduler.Options{Instances: 1})
		for range 5 {
			if _, err := s.Run(t.Context(), wide(8, 1)); !errors.Is(err, engine.ErrRun) {
				t.Errorf("error %v", err)
			}
		}
		if engine.Failing(s) == nil {
			t.Error("the model never worked, and is healthy")
		}
		if _, err := s.Run(t.Context(), wide(8, 1)); !errors.Is(err, scheduler.ErrFailing) {
			t.Errorf("the same input: %v", err)
		}
		if _, err := s.Run(t.Context(), wide(8, 2)); !errors.Is(err, engine.ErrRun) {
			t.Errorf("another input: %v", err)
		}
		if err := engine.Admits(t.Context(), s); err != nil {
			t.Errorf("an input that is not known yet: %v", err)
		}
		model.broken, model.fits = false, func(int64, []float32) bool { return true }
		if _, err := s.Run(t.Context(), wide(8, 3)); err != nil || engine.Failing(s) != nil {
			t.Errorf("after it has recovered: %v, %v", err, engine.Failing(s))
		}
		if _, err := s.Run(t.Context(), wide(8, 1)); err != nil {
			t.Errorf("the first input, after it has recovered: %v", err)
		}
	})
}

// The log names the remedy once, when failures cannot be attributed.
func TestUndecidedFailuresAreLogged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log bytes.Buffer
		model := &picky{broken: true}
		s := model.open(t, scheduler.Options{Instances: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		for i := range 20 {
			if _, err := s.Run(t.Context(), wide(33, float32(i))); !errors.Is(err, engine.ErrRun) {
				t.Errorf("error %v", err)
			}
		}
		if strings.Count(log.String(), "model_warmup") != 1 {
			t.Errorf("the log is %s", log.String())
		}
	})
}

// The kept inputs are a copy: the caller owns the memory again after the answer.
func TestKeptInputsAreACopy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &picky{fits: func(_ int64, v []float32) bool { return v[0] == 7 }}
		s := model.open(t, scheduler.Options{Instances: 1})
		inputs := wide(4, 7)
		if _, err := s.Run(t.Context(), inputs); err != nil {
			t.Fatal(err)
		}
		clear(inputs[0].Data)
		clear(inputs[0].Shape)
		if _, err := s.Run(t.Context(), wide(4, 1)); !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("error %v", err)
		}
	})
}

// Nothing of a request is kept when the setting turns it off, or when it is large.
func TestInputsAreNotKept(t *testing.T) {
	for name, test := range map[string]struct {
		limit int64
		width int
	}{"off": {-1, 1}, "large": {64, 17}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var seen []float32
				model := &picky{}
				model.fits = func(_ int64, v []float32) bool {
					seen = append(seen, v[0])
					return v[0] == 7
				}
				s := model.open(t, scheduler.Options{Instances: 1, ProbeBytes: test.limit})
				if _, err := s.Run(t.Context(), wide(test.width, 7)); err != nil {
					t.Fatal(err)
				}
				if _, err := s.Run(t.Context(), wide(test.width, 3)); !errors.Is(err, engine.ErrRun) {
					t.Errorf("error %v", err)
				}
				if fmt.Sprint(seen) != "[7 3 1 0]" {
					t.Errorf("the model ran on %v", seen)
				}
			})
		})
	}
}

// A probe that hangs makes the model hang, and ends at the run limit.
func TestAProbeHasTheRunLimit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &endless{}
		s := scheduler.New(model, scheduler.Options{Instances: 2, MaxRun: 3 * time.Minute, HangTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler)})
		engine.SetProbe(s, []tensor.Tensor{enginetest.Input(loops, 0)})
		start := time.Now()
		var group sync.WaitGroup
		for range 2 { // one probes, the other one waits for its verdict
			group.Go(func() {
				if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(fails, 0)}); !errors.Is(err, engine.ErrRun) || time.Since(start) != 3*time.Minute {
					t.Errorf("error %v after %v", err, time.Since(start))
				}
			})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if engine.Failing(s) == nil {
			t.Error("not marked as hanging")
		}
		group.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
