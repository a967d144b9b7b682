package h2

import (
	"errors"
	"time"
)

// times are a connection's; conn.mu guards them. One timer serves all.
type connTimers struct {
	timer *time.Timer
	// next is when the timer fires.
	next           time.Time
	started        time.Time
	idleSince      time.Time
	pingSent       time.Time // when the peer was asked for a sign of life; zero when not
	drainStarted   time.Time // when the peer was told that the connection will end
	headerDeadline time.Time // until when a header block must be complete; zero when there is none
}

// tickBy makes the timer fire by t. The caller holds mu.
func (c *conn) setTimerLocked(t time.Time) {
	if c.closeErr == nil && t.Before(c.timers.next) {
		c.timers.next = t
		c.timers.timer.Reset(time.Until(t))
	}
}

// timeHeader begins or ends the time of a header block.
func (c *conn) setHeaderDeadline(begins bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timers.headerDeadline = (time.Time{}); begins {
		c.timers.headerDeadline = time.Now().Add(c.server.headerTimeout())
		c.setTimerLocked(c.timers.headerDeadline)
	}
}

var errStalled = errors.New("h2: the peer does not take what is sent")

// tick looks after the connection's times: the handshake's, the peer's silence, that
// of an idle connection, and those of streams whose window stays closed.
func (c *conn) onTimer() {
	c.mu.Lock()
	if c.closeErr != nil {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	next, alive := c.checkTimersLocked(now)
	stalled, again := c.stalledLocked(now)
	if again.Before(next) {
		next = again
	}
	if c.closeErr == nil {
		c.timers.next = next
		c.timers.timer.Reset(max(next.Sub(now), time.Millisecond))
	}
	c.mu.Unlock()
	for _, st := range stalled {
		c.resetIfOpen(st, codeCancel, errStalled)
	}
	if !alive {
		_ = c.kill() // nobody is left to tell
	}
}

// look acts on what is due, and returns when to look again, and whether the peer still
// lives. The caller holds mu.
func (c *conn) checkTimersLocked(now time.Time) (next time.Time, alive bool) {
	o, t := &c.server.options, &c.timers
	heard := time.Unix(0, c.lastRead.Load())
	waits := c.pingOutstandingLocked(heard)
	switch {
	case c.settingsUnacked && now.Sub(t.started) >= o.HandshakeTimeout:
		c.failLocked(codeSettingsTimeout, "SETTINGS were not acknowledged")
		return now, true
	case !t.headerDeadline.IsZero() && !now.Before(t.headerDeadline):
		c.failLocked(codeEnhanceYourCalm, "a header block takes too long")
		return now, true
	case waits && c.send.inWrite:
		// Whether it takes what is written is for the write's deadline to say.
		c.send.pingBehindWrite = true
		next = now.Add(o.PingTimeout)
	case waits && now.Sub(t.pingSent) >= o.PingTimeout:
		return now.Add(o.PingTimeout), false
	case waits:
		next = t.pingSent.Add(o.PingTimeout)
	case now.Sub(heard) >= o.PingAfter:
		t.pingSent, c.send.pingBehindWrite = now, c.send.inWrite
		c.send.appendPing([8]byte{})
		c.armWriterLocked()
		next = now.Add(o.PingTimeout)
	default:
		t.pingSent = time.Time{}
		next = heard.Add(o.PingAfter)
	}
	if c.draining == drainAnnounced {
		if by := t.drainStarted.Add(drainPingTimeout); now.Before(by) {
			next = earlier(next, by)
		} else {
			c.finalGoAwayLocked()
		}
	}
	if len(c.streams) == 0 && c.draining == drainNone {
		if by := t.idleSince.Add(o.IdleTimeout); now.Before(by) {
			next = earlier(next, by)
		} else {
			c.finalGoAwayLocked() // at once: nothing is under way
		}
	}
	if !t.headerDeadline.IsZero() {
		next = earlier(next, t.headerDeadline)
	}
	if c.settingsUnacked {
		next = earlier(next, t.started.Add(o.HandshakeTimeout))
	}
	return next, true
}

// waitsForPeer reports whether the peer was asked for a sign of life, and has given none.
// The caller holds mu.
func (c *conn) pingOutstandingLocked(heard time.Time) bool {
	return !c.timers.pingSent.IsZero() && heard.Before(c.timers.pingSent)
}

// restartPing gives a peer that has taken its time for a write the whole time for the PING
// behind it. The caller holds mu.
func (c *conn) restartPingLocked() {
	if !c.send.pingBehindWrite {
		return
	}
	c.send.pingBehindWrite = false
	if c.pingOutstandingLocked(time.Unix(0, c.lastRead.Load())) {
		c.timers.pingSent = time.Now()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
