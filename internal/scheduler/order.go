package scheduler

import "sync"

// order gives out turns, and lets answers go in the order of the turns. It is safe for
// concurrent use.
type order struct {
	mu sync.Mutex
	// taken is the last turn that was given out, sent the last whose answers went.
	taken, sent uint64
	held        map[uint64]func()
}

// take gives out the next turn; 0 where there is no order.
func (o *order) take() uint64 {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken++
	return o.taken
}

// deliver calls send in its turn: now where all earlier ones have been, else with the
// last of those that are missing.
func (o *order) deliver(turn uint64, send func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if turn != o.sent+1 {
		if o.held == nil {
			o.held = map[uint64]func(){}
		}
		o.held[turn] = send
		return
	}
	for send != nil {
		send()
		o.sent++
		next := o.sent + 1
		send = o.held[next]
		delete(o.held, next)
	}
}
