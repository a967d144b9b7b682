package h2

import "time"

// partialWait is how long a Read that holds part of a message waits for the rest.
const partialWait = 5 * time.Millisecond

// armPartialTimerLocked bounds the wait of a Read that holds part of a message.
func (b *body) armPartialTimerLocked() {
	if b.partialTimerOn {
		return
	}
	b.partialTimerOn = true
	if b.partialTimer == nil {
		b.partialTimer = time.AfterFunc(partialWait, b.onPartialTimer)
	} else {
		b.partialTimer.Reset(partialWait)
	}
}

func (b *body) onPartialTimer() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.partialTimerOn = false
	if b.partial || b.filled > 0 {
		b.wakeLocked()
	}
}

// setDeadline makes Reads fail after deadline; the zero time means no deadline.
func (b *body) setDeadline(deadline time.Time) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = deadline
	if deadline.IsZero() || b.err != nil { // a complete body never waits
		if b.deadlineTimer != nil {
			b.deadlineTimer.Stop()
		}
		return
	}
	wait := max(time.Until(deadline), 0)
	if b.deadlineTimer == nil {
		b.deadlineTimer = time.AfterFunc(wait, b.onDeadline)
	} else {
		b.deadlineTimer.Reset(wait)
	}
}

func (b *body) onDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.expiredLocked() {
		b.wakeLocked()
	}
}

func (b *body) expiredLocked() bool {
	return !b.deadline.IsZero() && !time.Now().Before(b.deadline)
}
