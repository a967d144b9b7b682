package admission_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

func TestHeapFollowsTheBudget(t *testing.T) {
	noEnv := func(string) string { return "" }
	before := debug.SetMemoryLimit(-1)
	for limit, want := range map[int64]int64{
		0:        before,
		40 << 20: 256 << 20,
		1 << 30:  3 << 29,
	} {
		restore := admission.TuneHeap(admission.New(limit), noEnv)
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("a budget of %d gives %d, want %d", limit, got, want)
		}
		restore()
	}
	admission.TuneHeap(admission.New(1<<30), func(name string) string { return map[string]string{"GOMEMLIMIT": "1GiB"}[name] })()
	if got := debug.SetMemoryLimit(-1); got != before {
		t.Errorf("GOMEMLIMIT is overruled by %d", got)
	}
}

// A small heap is not collected constantly, and GOGC has precedence.
func TestSmallHeapIsLeftAlone(t *testing.T) {
	next := func(env string) uint64 {
		defer admission.TuneHeap(admission.New(0), func(name string) string { return map[string]string{"GOGC": env}[name] })()
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.NextGC
	}
	if tuned, plain := next(""), next("100"); tuned < 32<<20 || plain >= 32<<20 {
		t.Errorf("the next collection is at %d bytes, with GOGC at %d", tuned, plain)
	}
}
