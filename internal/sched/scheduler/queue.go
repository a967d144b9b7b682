package scheduler

// queue holds the waiting requests: a level for each priority, the highest first, each
// with a list of requests in time, and a list of delayed ones that timed out. The
// scheduler's lock guards it.
type queue struct {
	levels   []level
	requests int
	bytes    int64
	// claimed is the work of claimed requests, for which instances were woken. These keep
	// their places until they are taken, but count nowhere else: they do not wait for
	// other requests.
	claimed work
}

type level struct {
	policy  Policy
	work    work // of both lists
	inTime  list
	delayed list
	// lateness is per level: requests of a lower level also wait for later arrivals.
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
	if e.group != nil && e.group.waiting == e {
		e.group.waiting = nil
	}
}

// unlink removes a request from its list and the counts.
func (q *queue) unlink(e *entry) {
	q.unclaim(e)
	q.count(e, -1)
	q.listOf(e).remove(e)
}

// count adds (n = 1) or removes (n = -1) a request.
func (q *queue) count(e *entry, n int) {
	q.requests += n
	q.levels[e.level].work.count(e, n)
	q.bytes += int64(n) * e.bytes
	q.listOf(e).size += n
}

// claim marks a request for which an instance was woken.
func (q *queue) claim(e *entry) {
	if !e.claimed {
		q.count(e, -1)
		q.claimed.count(e, 1)
		e.claimed = true
	}
}

// unclaim undoes claim.
func (q *queue) unclaim(e *entry) {
	if e.claimed {
		q.count(e, 1)
		q.claimed.count(e, -1)
		e.claimed = false
	}
}

// delay moves a request behind the requests of its level that are in time.
func (q *queue) delay(e *entry) {
	q.unlink(e)
	e.delayed = true
	q.push(e)
}

// replace puts e in the place of old. e inherits the start of old's wait. Otherwise frames
// that arrive faster than a batch's delay would never run.
func (q *queue) replace(old, e *entry) {
	e.level, e.delayed, e.group, e.since = old.level, old.delayed, old.group, old.since
	q.listOf(old).insertAfter(old, e)
	q.count(e, 1)
	if old.claimed {
		q.claim(e)
	}
	q.remove(old)
	e.group.waiting = e
}

func (q *queue) listOf(e *entry) *list {
	if e.delayed {
		return &q.levels[e.level].delayed
	}
	return &q.levels[e.level].inTime
}

// all visits the requests in the order in which they are due, until visit returns false.
// visit may remove the visited request.
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

// list is a doubly linked list, for the removal of cancelled requests in constant time.
type list struct {
	first, last *entry
	size        int // without claimed requests
}

func (l *list) push(e *entry) { l.insertAfter(l.last, e) }

// insertAfter links e behind after; at the front when after is nil.
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
