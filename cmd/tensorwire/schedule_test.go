package main

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// closer is closed after a while.
type closer struct {
	takes  time.Duration
	closed atomic.Bool
}

func (c *closer) Close() error {
	time.Sleep(c.takes)
	c.closed.Store(true)
	return nil
}

// The engine is not taken from under a call that does not come back, and the server ends
// all the same.
func TestAModelThatHangsDoesNotKeepTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runtime := &closer{}
		if err := letGo(new(sync.WaitGroup), &closer{takes: time.Second}, runtime, time.Minute); err != nil || !runtime.closed.Load() {
			t.Errorf("closed %v: %v", runtime.closed.Load(), err)
		}
		runtime = &closer{}
		start := time.Now()
		if err := letGo(new(sync.WaitGroup), &closer{takes: time.Hour}, runtime, time.Minute); err == nil || time.Since(start) != time.Minute || runtime.closed.Load() {
			t.Errorf("closed %v after %v: %v", runtime.closed.Load(), time.Since(start), err)
		}
		time.Sleep(time.Hour)
	})
}
