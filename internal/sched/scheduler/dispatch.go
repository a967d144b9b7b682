package scheduler

import "time"

// dispatchLocked wakes idle instances for the requests that are due, and claims these
// requests for them. An instance takes its batch itself, by next, just before it runs:
// requests that arrived in between join it, and cancelled ones do not run.
func (s *scheduler) dispatchLocked(now time.Time) {
	if s.closed {
		return
	}
	for len(s.idle) > 0 && s.queue.requests > 0 {
		in := s.idle[len(s.idle)-1]
		batch, wait := s.dueLocked(in.batch[:0], now, false)
		if batch == nil {
			s.dispatchAfterLocked(wait)
			break
		}
		for _, e := range batch {
			s.queue.claim(e)
		}
		clear(batch)
		s.idle = s.idle[:len(s.idle)-1]
		in.woken, in.yields = true, s.yieldsLocked()
		s.woken++
		in.wake <- struct{}{}
	}
	s.watchLocked(now)
	s.reportLocked()
}

// dispatchAfterLocked schedules a dispatch after wait, when a delay ends; 0 schedules
// none.
func (s *scheduler) dispatchAfterLocked(wait time.Duration) {
	if wait > 0 {
		s.delay.Reset(wait)
	}
}

// dispatchAfterDelay is the callback of the delay timer.
func (s *scheduler) dispatchAfterDelay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatchLocked(time.Now())
}

// next returns the next batch of an instance that was woken, or that finished a batch. nil
// makes the instance idle: there is no batch, or it yields to other goroutines first.
func (s *scheduler) next(in *instance) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.reportLocked()
	now, finished := time.Now(), in.running
	if in.woken {
		s.woken--
	}
	in.woken, in.running = false, false
	clear(in.batch) // release the memory of answered requests
	if s.closed || (finished && s.yieldsLocked()) {
		s.idle = append(s.idle, in)
		s.dispatchLocked(now)
		return nil
	}
	batch, wait := s.dueLocked(in.batch[:0], now, true)
	if batch != nil {
		s.takeLocked(in, batch, now)
	} else {
		s.dispatchAfterLocked(wait)
		s.idle = append(s.idle, in)
	}
	if s.woken == 0 && s.queue.claimed.total > 0 {
		// Other requests were taken instead, and no woken instance is left to take these.
		s.queue.all(func(e *entry) bool {
			s.queue.unclaim(e)
			return true
		})
		s.dispatchLocked(now)
	}
	return batch
}

// takeLocked removes a batch from the queue, for an instance that starts to run it.
func (s *scheduler) takeLocked(in *instance, batch []*entry, now time.Time) {
	for _, e := range batch {
		s.queue.remove(e)
	}
	in.grouped = !s.joinableLocked()
	s.startLocked(in, batch, now)
}

// startLocked records that an instance runs a batch from now on.
func (s *scheduler) startLocked(in *instance, batch []*entry, now time.Time) {
	for _, e := range batch {
		e.state, e.began = taken, now
	}
	in.batch, in.started, in.running = batch, now, true
	in.turn = s.order.take()
	s.groupPause = max(s.groupPause-1, 0)
	s.groupable = s.groupLimitLocked(batch[0]) > 1
	if s.soloBatches++; len(batch) > 1 {
		s.soloBatches = 0
	}
}

// reportLocked reports changed counts to the observer.
func (s *scheduler) reportLocked() {
	now := counts{s.queue.requests, s.queue.bytes, len(s.instances) - len(s.idle) - s.woken}
	if now.requests != s.reported.requests || now.bytes != s.reported.bytes {
		s.options.Observer.Queued(now.requests, now.bytes)
	}
	if now.running != s.reported.running {
		s.options.Observer.Running(now.running)
	}
	s.reported = now
}

// counts are the values that an Observer receives.
type counts struct {
	requests int
	bytes    int64
	running  int
}
