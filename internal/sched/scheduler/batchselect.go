package scheduler

import (
	"slices"
	"time"
)

// dueLocked appends to batch the requests that an instance should run now, out of all
// requests or of the unclaimed ones. When no batch is due yet, it returns nil and the time
// until a delay ends; 0 when there is no request.
func (s *scheduler) dueLocked(batch []*entry, now time.Time, all bool) ([]*entry, time.Duration) {
	candidates, full := s.candidatesLocked(batch, now, all)
	if len(candidates) == 0 {
		return nil, 0
	}
	n, wait := s.batchSizeLocked(candidates, full, now)
	clear(candidates[n:]) // the batch's memory must not retain queued requests
	if n == 0 {
		return nil, wait
	}
	return candidates[:n], 0
}

// candidatesLocked appends the first request and those that can join it, in queue order,
// up to the maximum rows of a batch. full reports that there is nothing to wait for: no
// more requests fit, or one that cannot join waits behind the first. It drops cancelled
// and timed out requests, and those that will miss their deadline: they never run.
func (s *scheduler) candidatesLocked(batch []*entry, now time.Time, all bool) (_ []*entry, full bool) {
	rows, group := int64(0), 1
	s.queue.all(func(e *entry) bool {
		if e.claimed && !all {
			return true
		}
		if err := e.ctx.Err(); err != nil {
			s.leaveLocked(e, ReasonCancelled, err)
			return true
		}
		if e.expired(now) {
			s.timeOutLocked(e)
			return true
		}
		if s.willMissDeadlineLocked(e, now) {
			s.shedLocked(e, now)
			return true
		}
		if len(batch) == 0 {
			batch, rows, group = append(batch, e), e.rows, s.groupLimitLocked(e)
			full = group == 1 && (!s.joinableLocked() || rows == 0 || rows >= int64(s.options.Batching.MaxSize))
			return !full
		}
		if group > 1 {
			if full = !batch[0].inGroup(e); !full {
				batch = append(batch, e)
				full = len(batch) == group
			}
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

// batchSizeLocked returns how many of the candidates run now: the largest preferred size
// that they can form, or all of them when there is nothing to wait for or the delay of one
// has passed. Otherwise it returns 0 and the rest of the delay.
func (s *scheduler) batchSizeLocked(candidates []*entry, full bool, now time.Time) (int, time.Duration) {
	b := s.options.Batching
	if !s.joinableLocked() {
		if wait := s.holdLocked(candidates[0], len(candidates), now); wait > 0 {
			return 0, wait
		}
		return (len(candidates) + s.woken) / (s.woken + 1), 0 // other woken instances take as many
	}
	if candidates[0].rows == 0 {
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
	// More rows than the largest preferred size cannot form one.
	full = full || (len(b.Preferred) > 0 && rows > int64(b.Preferred[len(b.Preferred)-1]))
	if wait := b.MaxDelay - now.Sub(since); !full && wait > 0 {
		return 0, wait
	}
	return s.shareLocked(candidates, rows), 0
}

// shareLocked returns how many of the candidates, which have so many rows, one instance
// takes. When other instances were woken as well, each takes a part and runs it at the same
// time; with a constant cost per row, all finish sooner. With preferred sizes, or a delay
// for fuller batches, candidates are not divided.
func (s *scheduler) shareLocked(candidates []*entry, rows int64) int {
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

// joinableLocked reports whether requests are batched at all.
func (s *scheduler) joinableLocked() bool {
	return s.options.Batching != nil && s.misfits < maxMisfits
}
