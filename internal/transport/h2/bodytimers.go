package h2

import "time"

// messagePatience is how long a Read that has some bytes waits for the rest of the
// message.
const partialWait = 5 * time.Millisecond

// beNotTooPatient sees that a Read that has some bytes does not wait long. The caller
// holds mu.
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

// setDeadline makes Reads end at deadline; the zero time is never.
func (b *body) setDeadline(deadline time.Time) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = deadline
	if deadline.IsZero() || b.err != nil { // no Read waits for what is all there
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
