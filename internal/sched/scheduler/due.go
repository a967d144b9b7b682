package scheduler

import (
	"slices"
	"time"
)

// due returns what an instance should run now, of all requests or of those that no
// instance has been woken for, appended to batch. Where that is nothing yet, it returns
// how long until a delay ends; 0 where there is no request. The caller holds the lock.
func (s *scheduler) due(batch []*entry, now time.Time, all bool) ([]*entry, time.Duration) {
	candidates, full := s.candidates(batch, now, all)
	if len(candidates) == 0 {
		return nil, 0
	}
	n, wait := s.cut(candidates, full, now)
	clear(candidates[n:]) // the memory of a batch does not keep what stays in the queue
	if n == 0 {
		return nil, wait
	}
	return candidates[:n], 0
}

// candidates appends the request that is due first and those that can be joined to it,
// in their order, up to the most rows of a batch. full says that there is nothing to
// wait for: no more fit, or a request that cannot be joined waits behind the first.
// Requests whose callers have left, that have waited for too long, or that would be answered
// too late are dropped on the way: they are never run.
func (s *scheduler) candidates(batch []*entry, now time.Time, all bool) (_ []*entry, full bool) {
	rows := int64(0)
	s.queue.all(func(e *entry) bool {
		if e.called && !all {
			return true
		}
		if err := e.ctx.Err(); err != nil {
			s.leave(e, ReasonCancelled, err)
			return true
		}
		if e.expired(now) {
			s.tooLate(e)
			return true
		}
		if s.hopeless(e, now) {
			s.giveUp(e, now)
			return true
		}
		if len(batch) == 0 {
			batch, rows = append(batch, e), e.rows
			full = !s.joinable() || rows == 0 || rows >= int64(s.options.Batching.MaxSize)
			return !full
		}
		if !batch[0].joins(e) {
			full = true
			return !s.options.Batching.PreserveOrdering
		}
		if rows+e.rows > int64(s.options.Batching.MaxSize) {
			full = true
			return false
		}
		batch, rows = append(batch, e), rows+e.rows
		if rows == int64(s.options.Batching.MaxSize) {
			full = true
			return false
		}
		return true
	})
	return batch, full
}

// cut returns how many of the candidates are sent now: the largest preferred size
// that they can make, or all of them when there is nothing to wait for or one has
// waited for as long as it may. Else it returns how long that still takes.
func (s *scheduler) cut(candidates []*entry, full bool, now time.Time) (int, time.Duration) {
	b := s.options.Batching
	if !s.joinable() || candidates[0].rows == 0 {
		return 1, 0
	}
	best, rows, since := 0, int64(0), candidates[0].since
	for i, e := range candidates {
		if e.since.Before(since) {
			since = e.since
		}
		rows += e.rows
		if slices.Contains(b.Preferred, int(rows)) {
			best = i + 1
		}
	}
	if best > 0 {
		return best, 0
	}
	// More rows than the largest preferred size will not make one.
	full = full || (len(b.Preferred) > 0 && rows > int64(b.Preferred[len(b.Preferred)-1]))
	if wait := b.MaxDelay - now.Sub(since); !full && wait > 0 {
		return 0, wait
	}
	return s.share(candidates, rows), 0
}

// share returns how many of the candidates, of so many rows, one instance takes where
// others have been woken, too: those run at the same time as this one, and where a row
// costs as much as the next all are done sooner when each has a part. Where sizes are
// preferred, or a delay is to make batches fuller, they are not divided.
func (s *scheduler) share(candidates []*entry, rows int64) int {
	b := s.options.Batching
	if s.woken == 0 || len(b.Preferred) > 0 || b.MaxDelay > 0 {
		return len(candidates)
	}
	instances, part := int64(s.woken+1), int64(0)
	for i, e := range candidates {
		if part += e.rows; part*instances >= rows {
			return i + 1
		}
	}
	return len(candidates)
}

// joinable reports whether requests are joined at all. The caller holds the lock.
func (s *scheduler) joinable() bool {
	return s.options.Batching != nil && s.misfits < misfitsToStop
}
