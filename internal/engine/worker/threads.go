package worker

import (
	"cmp"
	"runtime"
	"sync"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// threads divides Totals.Threads between the models. It is safe for concurrent use.
type threads struct {
	limit int // 0: none

	mu   sync.Mutex
	used int
}

// poolThreads returns how many threads a session with such options starts: the caller's thread is
// one of the first pool.
func poolThreads(o engine.LoadOptions) int {
	n := max(o.IntraOpThreads-1, 0)
	if o.Parallel {
		n += cmp.Or(o.InterOpThreads, runtime.NumCPU()) - 1
	}
	return n
}

// take reports whether a model may start n threads, which put returns.
func (t *threads) take(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit > 0 && t.used+n > t.limit {
		return false
	}
	t.used += n
	return true
}

func (t *threads) put(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used -= n
}
