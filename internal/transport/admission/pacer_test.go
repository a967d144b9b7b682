package admission_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// Messages that fill their budget leave no room for garbage of the same size; without them there
// is the usual room.
func TestGarbageTakesWhatMessagesLeave(t *testing.T) {
	const limit = 64 << 20
	b := admission.New(limit)
	defer admission.TuneHeap(b, func(string) string { return "" })()
	messages := make([]byte, limit)
	next := func() (live, next uint64) {
		t.Helper()
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc, stats.NextGC
	}
	settle := func(done func(live, next uint64) bool) {
		t.Helper()
		var live, at uint64
		for range 1000 { // the collector's cleanups are called some time after it
			if live, at = next(); done(live, at) {
				return
			}
			runtime.Gosched()
		}
		t.Errorf("with %d bytes the next collection is at %d, of the budget %d are used", live, at, b.Used())
	}
	if !b.TryReserve(limit) {
		t.Fatal("the budget is not empty")
	}
	settle(func(live, next uint64) bool { return next < live+live/10 })
	b.Release(limit / 2)
	settle(func(live, next uint64) bool { return next > live+live/4 && next < live+limit/2+live/10 })
	b.Release(limit / 2)
	runtime.KeepAlive(messages)
	settle(func(live, next uint64) bool { return next > live+live/2 })
}

// The GC percent is restored, and does not change without a budget or with GOGC.
func TestPaceIsRestored(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(150))
	percent := func() int {
		now := debug.SetGCPercent(150)
		debug.SetGCPercent(now)
		return now
	}
	b := admission.New(1 << 20)
	admission.TuneHeap(b, func(string) string { return "" })()
	runtime.GC()
	if got := percent(); got != 150 {
		t.Errorf("GOGC was 150, is %d afterwards", got)
	}
	defer admission.TuneHeap(b, func(name string) string { return map[string]string{"GOGC": "150"}[name] })()
	defer admission.TuneHeap(admission.New(0), func(string) string { return "" })()
	if got := percent(); got != 150 {
		t.Errorf("GOGC of 150 is overruled by %d", got)
	}
}
