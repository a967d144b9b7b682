package admission

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// trims counts the calls of onTrim.
func trims(t *testing.T, b *Budget) (count func() int) {
	t.Helper()
	var n atomic.Int64
	t.Cleanup(b.onTrim(func() { n.Add(1) }))
	return func() int { synctest.Wait(); return int(n.Load()) }
}

// use uses n bytes of the budget for a while.
func use(t *testing.T, b *Budget, n int64, duration time.Duration) {
	t.Helper()
	if err := b.Reserve(context.Background(), n); err != nil {
		t.Fatal(err)
	}
	time.Sleep(duration)
	b.Release(n)
}

// Memory returns once, a while after large requests.
func TestMemoryReturnsAfterLargeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1 << 30)
		count := trims(t, b)
		check := func(want int) {
			t.Helper()
			if got := count(); got != want {
				t.Errorf("%d times, want %d", got, want)
			}
		}
		for range 100 {
			use(t, b, trimBytes/2, time.Millisecond)
		}
		time.Sleep(time.Hour)
		check(0)
		use(t, b, trimBytes, time.Minute)
		time.Sleep(trimDelay - 1)
		check(0)
		time.Sleep(time.Nanosecond)
		check(1)
		time.Sleep(time.Hour)
		check(1)
		for range 10 { // each needs the memory of the last
			use(t, b, trimBytes, time.Second)
			time.Sleep(trimDelay - 1)
		}
		check(1)
		time.Sleep(time.Nanosecond)
		check(2)
	})
}

// Small requests that go on do not keep the memory of a large one.
func TestMemoryReturnsBesideSmallRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1 << 30)
		count := trims(t, b)
		use(t, b, 4*trimBytes, time.Second)
		for range 20 {
			use(t, b, trimBytes/4, time.Second)
		}
		if n := count(); n != 1 {
			t.Errorf("%d times, want once", n)
		}
	})
}

// A budget that is no longer tuned does nothing.
func TestTrimStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(0)
		n := 0
		stop := b.onTrim(func() { n++ })
		use(t, b, trimBytes, time.Second)
		stop()
		time.Sleep(time.Hour)
		use(t, b, trimBytes, time.Second)
		time.Sleep(time.Hour)
		if n != 0 {
			t.Errorf("%d times", n)
		}
	})
}

// Pooled buffers are among what returns.
func TestPooledBuffersReturn(t *testing.T) {
	buffer := bufpool.Get(trimBytes)
	freed := weak.Make(&buffer[0])
	bufpool.Put(buffer)
	returnMemory()
	if freed.Value() != nil {
		t.Error("a pooled buffer is left")
	}
}
