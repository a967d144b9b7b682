package scheduler

import (
	"sync"
	"time"
)

// order assigns turns and delivers answers in the order of the turns. It is safe for
// concurrent use. A nil order has no turns.
type order struct {
	// maxHold is how long answers wait for an earlier turn. Otherwise a hanging call would
	// delay all later answers.
	maxHold time.Duration

	mu sync.Mutex
	// taken is the last assigned turn. All turns up to sent were delivered or skipped.
	taken, sent uint64
	held        map[uint64]func()
	// since is when answers began to wait for the turn after sent. skip is the timer that
	// skips that turn.
	since time.Time
	skip  *time.Timer
}

func newOrder(maxHold time.Duration) *order {
	o := &order{maxHold: maxHold, held: map[uint64]func(){}}
	o.skip = time.AfterFunc(time.Hour, o.skipTurn)
	o.skip.Stop()
	return o
}

// take assigns the next turn; 0 without an order.
func (o *order) take() uint64 {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.taken++
	return o.taken
}

// deliver calls send in its turn: now when all earlier turns are done or this one was
// skipped, otherwise after the last missing one.
func (o *order) deliver(turn uint64, send func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case turn <= o.sent:
		send()
	case turn == o.sent+1:
		send()
		o.sent++
		o.releaseLocked()
	default:
		o.held[turn] = send
		if len(o.held) == 1 {
			o.startTimerLocked()
		}
	}
}

// releaseLocked delivers the answers whose turn has come.
func (o *order) releaseLocked() {
	for {
		send, ok := o.held[o.sent+1]
		if !ok {
			break
		}
		send()
		o.sent++
		delete(o.held, o.sent)
	}
	o.skip.Stop()
	if len(o.held) > 0 {
		o.startTimerLocked()
	}
}

func (o *order) startTimerLocked() {
	o.since = time.Now()
	o.skip.Reset(o.maxHold)
}

// skipTurn skips a turn after maxHold.
func (o *order) skipTurn() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.held) > 0 && time.Since(o.since) >= o.maxHold {
		o.sent++
		o.releaseLocked()
	}
}
