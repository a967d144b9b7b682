package scheduler

import (
	"math"
	"math/bits"
	"time"
)

const (
	// enoughCalls is from how many calls on the cost is believed.
	enoughCalls = 8
	// manyAnswers is over how many answers lateness is averaged. It outlasts the times in
	// which other work on the machine makes the model slower.
	manyAnswers = 256
	// deviations is how many mean deviations later than expected an answer may be, as in
	// TCP's timeout (RFC 6298, section 2).
	deviations = 4
	// wayShare is the part of a caller's time that is left to what happens outside of the
	// queue, up to wayMost: a deadline comes as the time that is left, so that the request's
	// way to the server is not counted, and the answer has its own way yet to go.
	wayShare = 8
	wayMost  = 50 * time.Millisecond
)

// class is a class of requests by the bytes of their inputs, of which each is four times
// the one before: what a call of one size takes says little of another. Where the first
// dimension is that of a batch all are of class 0, and what they take goes by their rows,
// of which a batch has few.
type class uint8

const classes = 33

func classOf(bytes int64) class { return class(bits.Len64(uint64(bytes)) / 2) }

// work is how many rows there are of requests of each class.
type work struct {
	rows  [classes]int64
	total int64
}

// count counts a request in, by n = 1, or out, by -1.
func (w *work) count(e *entry, n int) {
	rows := int64(n) * max(e.rows, 1)
	w.rows[e.size] += rows
	w.total += rows
}

// cost follows what the model takes, as moving averages that forget old calls.
type cost struct {
	of    [classes]average
	calls int
}

// average is what calls of one class take.
type average struct {
	perRow, perCall time.Duration
	calls           int
}

func (c *cost) record(took time.Duration, size class, rows int64) {
	c.calls = min(c.calls+1, enoughCalls)
	a := &c.of[size]
	a.calls = min(a.calls+1, enoughCalls)
	n := time.Duration(a.calls)
	a.perRow += (took/time.Duration(rows) - a.perRow) / n
	a.perCall += (took - a.perCall) / n
}

// known reports whether there have been calls enough.
func (c *cost) known() bool { return c.calls == enoughCalls }

// nearest returns the average of the class, or of that next to it, the smaller first, of
// which there have been calls.
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

// rows returns what so many rows take of requests of a class.
func (c *cost) rows(size class, n int64) time.Duration {
	return c.nearest(size).perRow * time.Duration(n)
}

// run returns how long the call takes that a request of so many rows is part of: others may
// join it.
func (c *cost) run(size class, rows int64) time.Duration {
	a := c.nearest(size)
	return max(a.perCall, a.perRow*time.Duration(rows))
}

// all returns what all work takes.
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

// lateness follows how far answers come from when they were expected.
type lateness struct {
	// deviation is the mean of |took - expected| / sqrt(expected), in sqrt(s): the error
	// of a sum of calls that do not depend on each other grows with the square root of
	// their number, so that what short waits show is true of long ones.
	deviation float64
	answers   int
}

// record takes note of a request whose answer was expected within a time, and took
// another. An answer that comes after more than twice the time says that something has
// happened, and not how long that takes the next time.
func (l *lateness) record(expected, took time.Duration) {
	if l.answers < manyAnswers {
		l.answers++
	}
	off := min(max(took-expected, expected-took), expected)
	sample := off.Seconds() / math.Sqrt(expected.Seconds())
	l.deviation += (sample - l.deviation) / float64(l.answers)
}

// margin returns how much later an answer may well come than is expected. As long as
// little is known, that is half as late again.
func (l *lateness) margin(expected time.Duration) time.Duration {
	known := time.Duration(deviations * l.deviation * math.Sqrt(expected.Seconds()) * float64(time.Second))
	return max(known, expected/2*time.Duration(manyAnswers-l.answers)/manyAnswers)
}

// expectedWait returns how long a request that enters the queue now on that level is
// likely to wait for those before it and for the calls that are under way, or about to
// be; 0 while too little is known. The caller holds the lock.
func (s *scheduler) expectedWait(level int, now time.Time) time.Duration {
	if !s.cost.known() {
		return 0
	}
	took := s.cost.all(&s.queue.called)
	for i := range s.queue.levels[:level+1] {
		took += s.cost.all(&s.queue.levels[i].work)
	}
	for _, in := range s.instances {
		if !in.running {
			continue
		}
		var under work
		for _, e := range in.batch {
			under.count(e, 1)
		}
		took += max(in.started.Add(s.cost.all(&under)).Sub(now), 0)
	}
	return took / time.Duration(len(s.instances))
}
