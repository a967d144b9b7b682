package h2

import (
	"sync"
	"time"
)

const (
	// maxIdleWorkers bounds the goroutines that wait for work; more of them end.
	maxIdleWorkers = 256
	// workerIdleTimeout bounds the wait of each.
	workerIdleTimeout = 10 * time.Second
)

// workers runs tasks on pooled goroutines. The last one to become idle runs first, because
// its stack has grown and is warm. The zero value is ready to use; it is safe for
// concurrent use.
type workers struct {
	mu      sync.Mutex
	idle    []*worker
	stopped bool
	// timer ends workers that have been idle too long. It runs while there are idle ones.
	timer *time.Timer
	armed bool
}

type worker struct {
	work chan task
	// since is when the worker became idle. workers.mu guards it.
	since time.Time
}

// task is the work of a worker. An interface avoids the closure of a func.
type task interface{ run() }

// do runs t on an idle worker, or on a new one.
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

// park adds a worker to the idle ones. It returns false if the worker must end.
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

// armLocked sets the timer.
func (w *workers) armLocked(wait time.Duration) {
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(wait, w.prune)
	} else {
		w.timer.Reset(wait)
	}
}

// prune ends the workers that have been idle too long: the first in the list.
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

// stop ends the idle workers. Busy ones end after their task.
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
