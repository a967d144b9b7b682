package scheduler_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

func TestFailingModelRestsAndRecovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		broken := false
		failure := errors.New("broken")
		inner := &fake{hold: 1, fault: func(int, []float32) (*engine.Result, error) {
			if broken {
				return nil, failure
			}
			return nil, nil
		}}
		s := open(t, inner, scheduler.Options{Instances: 1})
		run := func() error {
			_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)})
			return err
		}
		failing := func() error { return engine.Failing(s) }
		if err := run(); err != nil { // an input that is known to be good
			t.Fatal(err)
		}
		broken = true
		for range 5 {
			if err := failing(); err != nil {
				t.Errorf("unhealthy too early: %v", err)
			}
			if err := run(); !errors.Is(err, failure) {
				t.Errorf("error %v", err)
			}
		}
		for range 3 { // one request tries the model each time
			if err := run(); !errors.Is(err, scheduler.ErrFailing) || failing() == nil {
				t.Errorf("error %v", err)
			}
			time.Sleep(30 * time.Second)
			if err := run(); !errors.Is(err, failure) {
				t.Errorf("error %v", err)
			}
		}
		broken = false
		time.Sleep(30 * time.Second)
		for range 2 {
			if err := run(); err != nil {
				t.Errorf("after it has recovered: %v", err)
			}
		}
	})
}

// The length of a rest depends on trials, not on the number of requests that waited when
// the model began to fail.
func TestFirstRestIsShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		failure := errors.New("broken")
		s := open(t, &fake{hold: time.Millisecond, fault: func(int, []float32) (*engine.Result, error) { return nil, failure }}, scheduler.Options{Instances: 1})
		engine.SetProbe(s, []tensor.Tensor{enginetest.Input(1, 2)})
		c := callers{t: t, session: s}
		for range 50 {
			c.call(t.Context(), 1, failure)
		}
		c.group.Wait()
		for _, rest := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)})
			if rejection, ok := errors.AsType[*scheduler.RejectedError](err); !ok || rejection.RetryAfter() != rest {
				t.Errorf("%v, want a rest of %v", err, rest)
			}
			time.Sleep(rest)
			c.call(t.Context(), 1, failure) // the trial
			c.group.Wait()
		}
	})
}

// Errors of requests do not affect the model's health.
func TestBadRequestsDoNotAffectHealth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{fault: func(int, []float32) (*engine.Result, error) { return nil, engine.ErrTooLarge }}, scheduler.Options{})
		for range 20 {
			if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); !errors.Is(err, engine.ErrTooLarge) {
				t.Errorf("error %v", err)
			}
		}
	})
}

func TestHangingModelRejectsWaitingRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Hour}
		s := open(t, inner, scheduler.Options{Instances: 2, HangTimeout: time.Minute})
		c := callers{t: t, session: s}
		c.call(t.Context(), 1, nil) // these two return late
		c.call(t.Context(), 2, nil)
		synctest.Wait()
		start := time.Now()
		c.call(t.Context(), 3, scheduler.ErrFailing)
		time.Sleep(time.Minute + 1)
		synctest.Wait()
		if err := engine.Failing(s); err == nil {
			t.Errorf("after %v the model is not marked as hanging", time.Since(start))
		}
		c.call(t.Context(), 4, scheduler.ErrFailing)
		synctest.Wait()
		time.Sleep(time.Hour)
		c.group.Wait()
		inner.hold = time.Second
		c.call(t.Context(), 5, nil)
		c.group.Wait()
	})
}

// Waiting requests are also rejected when a later call hangs, which started when they
// waited already.
func TestLaterHangRejectsWaitingRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{fault: func(call int, _ []float32) (*engine.Result, error) {
			time.Sleep(time.Duration(min(call-1, 1))*time.Hour + 40*time.Second)
			return nil, nil
		}}
		seen := &tally{notRun: map[string]int{}}
		s := open(t, inner, scheduler.Options{Instances: 1, HangTimeout: time.Minute, Observer: seen})
		c := callers{t: t, session: s}
		for i, want := range []error{nil, nil, scheduler.ErrFailing} {
			c.call(t.Context(), float32(i), want)
			synctest.Wait()
		}
		time.Sleep(100 * time.Second)
		synctest.Wait()
		if seen.notRun[scheduler.ReasonFailing] != 1 || seen.queued != 0 {
			t.Errorf("a minute after the second call began, %v were rejected and %d wait", seen.notRun, seen.queued)
		}
		c.group.Wait()
	})
}
