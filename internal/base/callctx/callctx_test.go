package callctx_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/callctx"
)

type key struct{}

var errReason = errors.New("reason")

// wants checks that a context is as one of context.WithCancelCause would be.
func wants(t *testing.T, c context.Context, err, cause error) { //nolint:revive // t is first in helpers of tests
	t.Helper()
	if got := c.Err(); !errors.Is(got, err) || (got == nil) != (err == nil) {
		t.Errorf("Err is %v, want %v", got, err)
	}
	if got := context.Cause(c); !errors.Is(got, cause) || (got == nil) != (cause == nil) {
		t.Errorf("the cause is %v, want %v", got, cause)
	}
	select {
	case <-c.Done():
		if err == nil {
			t.Error("Done is closed")
		}
	default:
		if err != nil {
			t.Error("Done is open")
		}
	}
	if c.Value(key{}) != "value" {
		t.Errorf("the value is %v", c.Value(key{}))
	}
}

func TestContext(t *testing.T) {
	cancelParent := func(_ *callctx.Context, cancel context.CancelCauseFunc) { cancel(errReason) }
	end := func(c *callctx.Context, _ context.CancelCauseFunc) { c.End(errReason) }
	for name, test := range map[string]struct {
		end        func(*callctx.Context, context.CancelCauseFunc)
		err, cause error
	}{
		"open":           {end: func(*callctx.Context, context.CancelCauseFunc) {}},
		"ended":          {end, context.Canceled, errReason},
		"without reason": {func(c *callctx.Context, _ context.CancelCauseFunc) { c.End(nil) }, context.Canceled, context.Canceled},
		"twice": {func(c *callctx.Context, _ context.CancelCauseFunc) {
			c.End(errReason)
			c.End(nil)
		}, context.Canceled, errReason},
		"ended after the parent": {func(c *callctx.Context, cancel context.CancelCauseFunc) {
			cancel(nil)
			c.End(errReason)
		}, context.Canceled, context.Canceled},
		"parent ended": {cancelParent, context.Canceled, errReason},
	} {
		t.Run(name, func(t *testing.T) {
			for _, waits := range []bool{false, true} {
				parent, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
				c := callctx.New(parent)
				if waits {
					wants(t, c, nil, nil)
				}
				test.end(c, cancel)
				wants(t, c, test.err, test.cause)
				derived, cancelDerived := context.WithCancel(c)
				wants(t, derived, test.err, test.cause)
				cancelDerived()
				cancel(nil)
			}
		})
	}
}

// TestEndReachesDerivedContexts: what waits for a context or for one derived from it is woken,
// without a goroutine of its own.
func TestEndReachesDerivedContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := callctx.New(t.Context())
		derived, cancel := context.WithTimeout(c, time.Hour)
		defer cancel()
		called := make(chan struct{})
		context.AfterFunc(c, func() { close(called) })
		c.End(errReason)
		<-called
		<-derived.Done()
		if !errors.Is(context.Cause(derived), errReason) {
			t.Errorf("the cause is %v", context.Cause(derived))
		}
	})
}

func TestDeadlineIsTheParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c := callctx.New(parent)
		if _, ok := c.Deadline(); !ok {
			t.Error("no deadline")
		}
		<-c.Done()
		if !errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Errorf("Err is %v", c.Err())
		}
	})
}

// TestShortCallsAllocateOnce is the purpose of the package: nothing is registered for a call
// that nothing waits for.
func TestShortCallsAllocateOnce(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sink *callctx.Context
	allocations := testing.AllocsPerRun(100, func() {
		sink = callctx.New(parent)
		_ = sink.Err()
		sink.End(nil)
	})
	if allocations > 1 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestConcurrentUse(t *testing.T) {
	for range 100 {
		parent, cancel := context.WithCancel(t.Context())
		c := callctx.New(parent)
		var all sync.WaitGroup
		for _, f := range []func(){func() { <-c.Done() }, func() { c.End(errReason) }, cancel, func() { _, _ = c.Err(), context.Cause(c) }} {
			all.Go(f)
		}
		all.Wait()
		if c.Err() == nil || context.Cause(c) == nil {
			t.Fatal("the context has not ended")
		}
	}
}
