package scheduler

import "time"

// enoughCalls is from how many calls on the cost is believed.
const enoughCalls = 8

// cost follows what a row costs, as a moving average that forgets old calls.
type cost struct {
	perRow time.Duration
	calls  int
}

func (c *cost) record(took time.Duration, rows int64) {
	sample := took / time.Duration(rows)
	if c.calls < enoughCalls {
		c.calls++
		c.perRow += (sample - c.perRow) / time.Duration(c.calls)
		return
	}
	c.perRow += (sample - c.perRow) / enoughCalls
}

// expectedWait returns how long a request that enters the queue now on that level is
// likely to wait for those before it; 0 while too little is known. The caller holds the
// lock.
func (s *scheduler) expectedWait(level int) time.Duration {
	if s.cost.calls < enoughCalls {
		return 0
	}
	rows := int64(0)
	for i := range s.queue.levels[:level+1] {
		rows += s.queue.levels[i].rows
	}
	return s.cost.perRow * time.Duration(rows) / time.Duration(len(s.instances))
}
