package scheduler

import (
	"math"
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

// cost follows what the model takes, as moving averages that forget old calls.
type cost struct {
	perRow, perCall time.Duration
	calls           int
}

func (c *cost) record(took time.Duration, rows int64) {
	if c.calls < enoughCalls {
		c.calls++
	}
	n := time.Duration(c.calls)
	c.perRow += (took/time.Duration(rows) - c.perRow) / n
	c.perCall += (took - c.perCall) / n
}

// known reports whether there have been calls enough.
func (c *cost) known() bool { return c.calls == enoughCalls }

// of returns what so many rows take.
func (c *cost) of(rows int64) time.Duration { return c.perRow * time.Duration(rows) }

// run returns how long the call takes that a request of so many rows is part of: others may
// join it.
func (c *cost) run(rows int64) time.Duration { return max(c.perCall, c.of(rows)) }

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
	rows := s.queue.called
	for i := range s.queue.levels[:level+1] {
		rows += s.queue.levels[i].rows
	}
	work := s.cost.of(rows)
	for _, in := range s.instances {
		if !in.running {
			continue
		}
		rows := int64(0)
		for _, e := range in.batch {
			rows += max(e.rows, 1)
		}
		work += max(in.started.Add(s.cost.of(rows)).Sub(now), 0)
	}
	return work / time.Duration(len(s.instances))
}
