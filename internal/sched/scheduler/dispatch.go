package scheduler

import "time"

// dispatch wakes idle instances for what is due. They take it themselves, by next, when
// they are about to run: what has come by then is joined, and those who have left by then
// are not run. The caller holds the lock.
func (s *scheduler) dispatch(now time.Time) {
	if s.closed {
		return
	}
	for len(s.idle) > 0 && s.queue.requests > 0 {
		in := s.idle[len(s.idle)-1]
		batch, wait := s.due(in.batch[:0], now, false)
		if batch == nil {
			s.dispatchIn(wait)
			break
		}
		for _, e := range batch {
			s.queue.call(e)
		}
		clear(batch)
		s.idle = s.idle[:len(s.idle)-1]
		in.woken, in.yields = true, s.yields()
		s.woken++
		in.wake <- struct{}{}
	}
	s.watch(now)
	s.tell()
}

// dispatchIn has dispatch called when a delay ends, after wait; 0 is none.
func (s *scheduler) dispatchIn(wait time.Duration) {
	if wait > 0 {
		s.delay.Reset(wait)
	}
}

func (s *scheduler) dispatchLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatch(time.Now())
}

// next returns the batch of an instance that has been woken, or has finished another. nil
// means that there is none, or that it lets others go first, and that it is idle.
func (s *scheduler) next(in *instance) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.tell()
	now, finished := time.Now(), in.running
	if in.woken {
		s.woken--
	}
	in.woken, in.running = false, false
	clear(in.batch) // what was answered is not kept
	if s.closed || (finished && s.yields()) {
		s.idle = append(s.idle, in)
		s.dispatch(now)
		return nil
	}
	batch, wait := s.due(in.batch[:0], now, true)
	if batch != nil {
		s.take(in, batch, now)
	} else {
		s.dispatchIn(wait)
		s.idle = append(s.idle, in)
	}
	if s.woken == 0 && s.queue.called.total > 0 {
		// Others were taken in their stead, and nobody is coming for them any more.
		s.queue.all(func(e *entry) bool {
			s.queue.recall(e)
			return true
		})
		s.dispatch(now)
	}
	return batch
}

// take takes a batch out of the queue, for an instance that begins to run it. The caller
// holds the lock.
func (s *scheduler) take(in *instance, batch []*entry, now time.Time) {
	for _, e := range batch {
		s.queue.remove(e)
		e.state, e.began = taken, now
	}
	in.batch, in.started, in.running = batch, now, true
	in.turn = s.order.take()
	if s.alone++; len(batch) > 1 {
		s.alone = 0
	}
}

// tell tells the observer what has changed. The caller holds the lock.
func (s *scheduler) tell() {
	now := counts{s.queue.requests, s.queue.bytes, len(s.instances) - len(s.idle) - s.woken}
	if now.requests != s.told.requests || now.bytes != s.told.bytes {
		s.options.Observer.Queued(now.requests, now.bytes)
	}
	if now.running != s.told.running {
		s.options.Observer.Running(now.running)
	}
	s.told = now
}

// counts are what an Observer is told of.
type counts struct {
	requests int
	bytes    int64
	running  int
}
