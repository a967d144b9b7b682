package scheduler

// queue holds the requests that wait: a level for each priority, the highest first,
// and in each a list of those in time before one of those that have waited too long.
// It is guarded by the scheduler's lock.
type queue struct {
	levels   []level
	requests int
	bytes    int64
	// called is what work there is besides, of requests for which instances have been
	// woken. They keep their places until they are taken, and count nowhere else:
	// they do not wait for others to be answered.
	called work
}

type level struct {
	policy  Policy
	work    work // of both lists
	inTime  list
	delayed list
	// lateness is of the level's answers: those of a lower one wait for requests that come
	// after them.
	lateness lateness
}

func newQueue(policies []Policy) queue {
	q := queue{levels: make([]level, len(policies))}
	for i, policy := range policies {
		q.levels[i].policy = policy
	}
	return q
}

func (q *queue) push(e *entry) {
	q.count(e, 1)
	q.listOf(e).push(e)
}

func (q *queue) remove(e *entry) {
	q.unlink(e)
	if e.lane != nil && e.lane.waiting == e {
		e.lane.waiting = nil
	}
}

// unlink takes a request out of its list and the counts.
func (q *queue) unlink(e *entry) {
	q.recall(e)
	q.count(e, -1)
	q.listOf(e).remove(e)
}

// count counts a request in, by n = 1, or out, by -1.
func (q *queue) count(e *entry, n int) {
	q.requests += n
	q.levels[e.level].work.count(e, n)
	q.bytes += int64(n) * e.bytes
	q.listOf(e).size += n
}

// call marks a request for which an instance has been woken.
func (q *queue) call(e *entry) {
	if !e.called {
		q.count(e, -1)
		q.called.count(e, 1)
		e.called = true
	}
}

// recall undoes call.
func (q *queue) recall(e *entry) {
	if e.called {
		q.count(e, 1)
		q.called.count(e, -1)
		e.called = false
	}
}

// delay moves a request behind those of its level that are in time.
func (q *queue) delay(e *entry) {
	q.unlink(e)
	e.delayed = true
	q.push(e)
}

// replace puts e where old stands, so that a newer frame does not begin to wait anew:
// frames that come faster than a batch's delay would else never be sent.
func (q *queue) replace(old, e *entry) {
	e.level, e.delayed, e.lane, e.since = old.level, old.delayed, old.lane, old.since
	q.listOf(old).insertAfter(old, e)
	q.count(e, 1)
	if old.called {
		q.call(e)
	}
	q.remove(old)
	e.lane.waiting = e
}

func (q *queue) listOf(e *entry) *list {
	if e.delayed {
		return &q.levels[e.level].delayed
	}
	return &q.levels[e.level].inTime
}

// all visits the requests in the order in which they are due, until visit returns
// false. visit may remove the request that it is given.
func (q *queue) all(visit func(*entry) bool) {
	for i := range q.levels {
		for _, l := range []*list{&q.levels[i].inTime, &q.levels[i].delayed} {
			for e := l.first; e != nil; {
				next := e.next
				if !visit(e) {
					return
				}
				e = next
			}
		}
	}
}

// list is a doubly linked list, so that a caller that leaves is taken out of the
// middle at once.
type list struct {
	first, last *entry
	size        int // of those that count
}

func (l *list) push(e *entry) { l.insertAfter(l.last, e) }

// insertAfter links e behind after; before all where after is nil.
func (l *list) insertAfter(after, e *entry) {
	e.prev = after
	if after == nil {
		e.next, l.first = l.first, e
	} else {
		e.next, after.next = after.next, e
	}
	if e.next == nil {
		l.last = e
	} else {
		e.next.prev = e
	}
}

func (l *list) remove(e *entry) {
	if e.prev == nil {
		l.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}
