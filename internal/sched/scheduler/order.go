package scheduler

import (
	"sync"
	"time"
)

// order gives out turns, and lets answers go in the order of the turns. It is safe for
// concurrent use. A nil order has no turns.
type order struct {
	// patience is how long answers are held back for an earlier turn. A call that hangs
	// would else hold back all that come after it.
	patience time.Duration

	mu sync.Mutex
	// taken is the last turn that was given out; all up to sent have been, or have
	// been given up.
	taken, sent uint64
	held        map[uint64]func()
	// since is from when on answers are held for the turn after sent, which giveUp
	// passes over.
	since  time.Time
	giveUp *time.Timer
}

func newOrder(patience time.Duration) *order {
	o := &order{patience: patience, held: map[uint64]func(){}}
	o.giveUp = time.AfterFunc(time.Hour, o.passOver)
	o.giveUp.Stop()
	return o
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

// deliver calls send in its turn: now where all earlier ones have been or this one was
// given up, else with the last of those that are missing.
func (o *order) deliver(turn uint64, send func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case turn <= o.sent:
		send()
	case turn == o.sent+1:
		send()
		o.sent++
		o.release()
	default:
		o.held[turn] = send
		if len(o.held) == 1 {
			o.wait()
		}
	}
}

// release sends what waits for nobody any more. The caller holds the lock.
func (o *order) release() {
	for {
		send, ok := o.held[o.sent+1]
		if !ok {
			break
		}
		send()
		o.sent++
		delete(o.held, o.sent)
	}
	o.giveUp.Stop()
	if len(o.held) > 0 {
		o.wait()
	}
}

func (o *order) wait() {
	o.since = time.Now()
	o.giveUp.Reset(o.patience)
}

// passOver gives up the turn for which others have been held for too long.
func (o *order) passOver() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) > 0 && time.Since(o.since) >= o.patience {
		o.sent++
		o.release()
	}
}
