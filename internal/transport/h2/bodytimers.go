package h2

import "time"

// messagePatience is how long a Read that has some bytes waits for the rest of the
// message.
const messagePatience = 5 * time.Millisecond

// beNotTooPatient sees that a Read that has some bytes does not wait long. The caller
// holds mu.
func (b *body) beNotTooPatient() {
	if b.patient {
		return
	}
	b.patient = true
	if b.patience == nil {
		b.patience = time.AfterFunc(messagePatience, b.onPatience)
	} else {
		b.patience.Reset(messagePatience)
	}
}

func (b *body) onPatience() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.patient = false
	if b.begun || b.filled > 0 {
		b.release()
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
		if b.timer != nil {
			b.timer.Stop()
		}
		return
	}
	wait := max(time.Until(deadline), 0)
	if b.timer == nil {
		b.timer = time.AfterFunc(wait, b.onDeadline)
	} else {
		b.timer.Reset(wait)
	}
}

func (b *body) onDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.expired() {
		b.release()
	}
}

func (b *body) expired() bool {
	return !b.deadline.IsZero() && !time.Now().Before(b.deadline)
}
