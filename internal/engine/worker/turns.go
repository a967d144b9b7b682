package worker

// turns shares a resource between those that wait for it: they take turns, by start-time fair
// queuing. One that begins to wait is before those that wait for their next turn, but not
// before all of them again and again. The zero value is ready to use. It is not safe for
// concurrent use.
type turns[K comparable] struct {
	last   uint64 // the virtual time of the last turn
	shares map[K]*share
}

// share is the state of one that waits, or waited shortly before.
type share struct {
	next    uint64 // the virtual time of its next turn
	waiting int
}

const (
	turn     = 4 // the virtual time of one turn
	newcomer = 1 // that until the first turn of one that begins to wait
)

// enter adds one that waits for k.
func (t *turns[K]) enter(k K) {
	if t.shares == nil {
		t.shares = make(map[K]*share)
	}
	s := t.shares[k]
	if s == nil {
		s = &share{}
		t.shares[k] = s
	}
	if s.waiting == 0 {
		s.next = max(s.next, t.last+newcomer)
	}
	s.waiting++
}

// next returns the virtual time of the next turn of k, which waits: the least is next.
func (t *turns[K]) next(k K) uint64 { return t.shares[k].next }

// serve begins a turn of k.
func (t *turns[K]) serve(k K) {
	s := t.shares[k]
	t.last = max(t.last, s.next)
	s.next = t.last + turn
}

// leave removes one that waits for k.
func (t *turns[K]) leave(k K) {
	t.shares[k].waiting--
	for other, s := range t.shares {
		if s.waiting == 0 && s.next <= t.last+newcomer { // as if it had never waited
			delete(t.shares, other)
		}
	}
}
