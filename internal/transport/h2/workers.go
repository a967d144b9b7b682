package h2

import (
	"sync"
	"time"
)

const (
	// maxIdleWorkers is how many goroutines wait for work; more end when they have
	// none.
	maxIdleWorkers = 256
	// workerPatience is how long one waits.
	workerIdleTimeout = 10 * time.Second
)

// workers runs functions on goroutines that are used again, the last that became idle
// first, since its stack has grown and is warm. The zero value is ready; it is safe
// for concurrent use.
type workers struct {
	mu      sync.Mutex
	idle    []*worker
	stopped bool
	// timer ends those that have waited too long; it runs while there are idle ones.
	timer *time.Timer
	armed bool
}

type worker struct {
	work chan task
	// since is when the worker became idle; guarded by workers.mu.
	since time.Time
}

// task is what a worker does. An interface spares the closure that a func would take.
type task interface{ run() }

// do runs t on a goroutine of its own.
func (w *workers) do(t task) {
	w.mu.Lock()
	if n := len(w.idle); n > 0 {
		idle := w.idle[n-1]
		w.idle[n-1] = nil
		w.idle = w.idle[:n-1]
		w.mu.Unlock()
		idle.work <- t
		return
	}
	w.mu.Unlock()
	go w.loop(&worker{work: make(chan task, 1)}, t)
}

func (w *workers) loop(self *worker, t task) {
	for {
		t.run()
		if !w.park(self) {
			return
		}
		var ok bool
		if t, ok = <-self.work; !ok {
			return
		}
	}
}

// rest puts a worker with the idle ones; false says that it is not needed.
func (w *workers) park(self *worker) bool {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || len(w.idle) >= maxIdleWorkers {
		return false
	}
	self.since = now
	w.idle = append(w.idle, self)
	if !w.armed {
		w.armLocked(workerIdleTimeout)
	}
	return true
}

// arm sets the timer. The caller holds mu.
func (w *workers) armLocked(wait time.Duration) {
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.prune)
	} else {
		w.timer.Reset(wait)
	}
}

// prune ends the workers that have waited too long: the first ones, since the last
// that became idle works first.
func (w *workers) prune() {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for n < len(w.idle) && now.Sub(w.idle[n].since) >= workerIdleTimeout {
		close(w.idle[n].work)
		n++
	}
	left := copy(w.idle, w.idle[n:])
	clear(w.idle[left:])
	w.idle = w.idle[:left]
	if w.armed = left > 0; w.armed {
		w.armLocked(workerIdleTimeout - now.Sub(w.idle[0].since))
	}
}

// stop ends the idle workers; those that work end when they are done.
func (w *workers) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, idle := range w.idle {
		close(idle.work)
	}
	w.idle = nil
	if w.timer != nil {
		w.timer.Stop()
	}
}
