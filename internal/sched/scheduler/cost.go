package scheduler

import (
	"math/bits"
	"time"
)

// minCalls is the number of calls from which the measured cost is used.
const minCalls = 8

// class is a size class of requests by the bytes of their inputs: each is four times the
// previous one. The duration of one size predicts little about another. With a batch
// dimension all requests have class 0, and their cost depends on the number of rows.
type class uint8

const classes = 33

func classOf(bytes int64) class { return class(bits.Len64(uint64(bytes)) / 2) }

// work counts rows of requests by class.
type work struct {
	rows  [classes]int64
	total int64
}

// count adds (n = 1) or removes (n = -1) a request.
func (w *work) count(e *entry, n int) {
	rows := int64(n) * max(e.rows, 1)
	w.rows[e.size] += rows
	w.total += rows
}

// cost measures the duration of the model's calls, as moving averages.
type cost struct {
	of    [classes]average
	calls int
}

// average is the cost of the calls of one class.
type average struct {
	perRow, perCall time.Duration
	calls           int
}

func (c *cost) record(took time.Duration, size class, rows int64) {
	c.calls = min(c.calls+1, minCalls)
	a := &c.of[size]
	a.calls = min(a.calls+1, minCalls)
	n := time.Duration(a.calls)
	a.perRow += (took/time.Duration(rows) - a.perRow) / n
	a.perCall += (took - a.perCall) / n
}

// known reports whether there were enough calls.
func (c *cost) known() bool { return c.calls == minCalls }

// nearest returns the average of the class, or else of the nearest class with calls, the
// smaller one first.
func (c *cost) nearest(size class) *average {
	for off := range class(classes) {
		if off <= size && c.of[size-off].calls > 0 {
			return &c.of[size-off]
		}
		if size+off < classes && c.of[size+off].calls > 0 {
			return &c.of[size+off]
		}
	}
	return &average{}
}

// rows returns the cost of n rows of a class.
func (c *cost) rows(size class, n int64) time.Duration {
	return c.nearest(size).perRow * time.Duration(n)
}

// run returns the duration of the call for a request of so many rows. Other requests may
// join that call.
func (c *cost) run(size class, rows int64) time.Duration {
	a := c.nearest(size)
	return max(a.perCall, a.perRow*time.Duration(rows))
}

// all returns the cost of all work.
func (c *cost) all(w *work) time.Duration {
	if w.total == 0 {
		return 0
	}
	took := time.Duration(0)
	for size, n := range w.rows {
		if n > 0 {
			took += c.rows(class(size), n)
		}
	}
	return took
}

// expectedWaitLocked returns the expected wait of a request that enters the queue on this
// level now, for the requests before it and for the calls that run or are about to run. It
// is 0 while the cost is unknown.
func (s *scheduler) expectedWaitLocked(level int, now time.Time) time.Duration {
	if !s.cost.known() {
		return 0
	}
	took := s.cost.all(&s.queue.claimed)
	for i := range s.queue.levels[:level+1] {
		took += s.cost.all(&s.queue.levels[i].work)
	}
	for _, in := range s.instances {
		if !in.running {
			continue
		}
		var current work
		for _, e := range in.batch {
			current.count(e, 1)
		}
		took += max(in.started.Add(s.cost.all(&current)).Sub(now), 0)
	}
	return took / time.Duration(len(s.instances))
}
