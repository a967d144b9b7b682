package worker

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
)

// trialQueue decides which suspect runs next: one at a time of each model, in a bounded number
// of processes for all models. Peers take turns, however many models they use, and so do the
// models of each peer. An idle process, which is kept for the next
// suspect of its model, makes room for a suspect of another.
type trialQueue struct {
	limit int // of processes

	mu      sync.Mutex // for all below, and for trial.busy
	freed   *sync.Cond // a trial is not busy any more
	used    int        // processes, those included that start or end
	ending  int        // processes that make room
	idle    map[*trial]struct{}
	waiting []*waitingSuspect
	peers   turns[netip.Addr]
	models  map[netip.Addr]*turns[*trial] // of peers that wait
}

// waitingSuspect is a suspect that waits.
type waitingSuspect struct {
	peer  netip.Addr
	trial *trial
	begin chan struct{} // closed when it may run
}

func newTrialQueue(limit int) *trialQueue {
	q := &trialQueue{limit: limit, idle: make(map[*trial]struct{}), models: make(map[netip.Addr]*turns[*trial])}
	q.freed = sync.NewCond(&q.mu)
	return q
}

// acquire waits until a suspect of a peer may use a trial, which may have a process and may
// start one. The caller releases the trial.
func (q *trialQueue) acquire(ctx context.Context, t *trial, peer netip.Addr) error {
	w := q.enter(t, peer)
	select {
	case <-w.begin:
		return nil
	case <-ctx.Done():
	}
	if !q.leave(w) {
		q.release(t)
	}
	return context.Cause(ctx)
}

// enter adds a suspect to those that wait.
func (q *trialQueue) enter(t *trial, peer netip.Addr) *waitingSuspect {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.models[peer] == nil {
		q.models[peer] = &turns[*trial]{}
	}
	q.peers.enter(peer)
	q.models[peer].enter(t)
	w := &waitingSuspect{peer: peer, trial: t, begin: make(chan struct{})}
	q.waiting = append(q.waiting, w)
	q.dispatchLocked()
	return w
}

// leave removes a suspect whose caller left, unless it may run already.
func (q *trialQueue) leave(w *waitingSuspect) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.removeLocked(i)
	return true
}

func (q *trialQueue) removeLocked(i int) {
	w := q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.peers.leave(w.peer)
	q.models[w.peer].leave(w.trial)
	for peer := range q.models {
		if q.peers.shares[peer] == nil {
			delete(q.models, peer)
		}
	}
}

// dispatchLocked begins the turns of all suspects that may run, and makes room for others.
func (q *trialQueue) dispatchLocked() {
	for i := q.nextLocked(); i >= 0; i = q.nextLocked() {
		w := q.waiting[i]
		q.peers.serve(w.peer)
		q.models[w.peer].serve(w.trial)
		q.removeLocked(i)
		q.takeLocked(w.trial)
		close(w.begin)
	}
	wanted := make(map[*trial]struct{})
	for _, w := range q.waiting {
		if !w.trial.busy {
			wanted[w.trial] = struct{}{}
		}
	}
	for t := range q.idle { // none of those that are wanted
		if q.ending >= len(wanted) {
			return
		}
		q.takeLocked(t)
		q.ending++
		go q.makeRoom(t)
	}
}

// nextLocked returns the index of the suspect that is next; -1: none can run.
func (q *trialQueue) nextLocked() int {
	next := -1
	for i, w := range q.waiting {
		_, hasProcess := q.idle[w.trial]
		if w.trial.busy || !hasProcess && q.used >= q.limit {
			continue
		}
		if next < 0 || q.compareLocked(w, q.waiting[next]) < 0 {
			next = i
		}
	}
	return next
}

// compareLocked orders suspects by the turns of their peers, and those of one peer by the turns
// of their models.
func (q *trialQueue) compareLocked(a, b *waitingSuspect) int {
	byPeer := cmp.Compare(q.peers.next(a.peer), q.peers.next(b.peer))
	if byPeer != 0 || a.peer != b.peer {
		return byPeer
	}
	models := q.models[a.peer]
	return cmp.Compare(models.next(a.trial), models.next(b.trial))
}

// takeLocked gives a trial that is not busy to one caller, with a process or the right to start
// one.
func (q *trialQueue) takeLocked(t *trial) {
	t.busy = true
	if _, hasProcess := q.idle[t]; hasProcess {
		delete(q.idle, t)
	} else {
		q.used++
	}
}

// makeRoom ends an idle process.
func (q *trialQueue) makeRoom(t *trial) {
	t.end()
	q.mu.Lock()
	q.ending--
	q.mu.Unlock()
	q.release(t)
}

// takeIdle gives a trial with an idle process to the caller, which releases it.
func (q *trialQueue) takeIdle(t *trial) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, ok := q.idle[t]; !ok {
		return false
	}
	q.takeLocked(t)
	return true
}

// release ends the caller's use of a trial. Its process, if it has one, is idle from now on.
func (q *trialQueue) release(t *trial) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.busy = false
	if t.process != nil {
		q.idle[t] = struct{}{}
	} else {
		q.used--
	}
	q.freed.Broadcast()
	q.dispatchLocked()
	if len(q.waiting) == 0 && q.used == len(q.idle) { // no suspect runs
		q.peers = turns[netip.Addr]{}
		clear(q.models)
	}
}

// retire ends the process of a trial that no suspect uses any more.
func (q *trialQueue) retire(t *trial) {
	q.mu.Lock()
	for t.busy { // its idle process ends
		q.freed.Wait()
	}
	q.mu.Unlock()
	t.endIdle()
}

// contended reports whether other suspects wait for a process.
func (q *trialQueue) contended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) > 0
}
