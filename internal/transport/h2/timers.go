package h2

import (
	"errors"
	"time"
)

// connTimers has the points in time that a connection watches with one timer. conn.mu
// guards it.
type connTimers struct {
	timer *time.Timer
	// next is when the timer fires.
	next           time.Time
	started        time.Time
	idleSince      time.Time
	pingSent       time.Time // when the server sent a PING without any frame since; zero: none outstanding
	retires        time.Time // when the graceful shutdown starts for age; zero: never
	drainStarted   time.Time // when the first GOAWAY was sent
	headerDeadline time.Time // for the open header block; zero: none is open
}

// setTimerLocked makes the timer fire by t.
func (c *conn) setTimerLocked(t time.Time) {
	if c.closeErr == nil && t.Before(c.timers.next) {
		c.timers.next = t
		c.timers.timer.Reset(time.Until(t))
	}
}

// setHeaderDeadline sets or clears the deadline of a header block.
func (c *conn) setHeaderDeadline(begins bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timers.headerDeadline = (time.Time{}); begins {
		c.timers.headerDeadline = time.Now().Add(c.server.headerTimeout())
		c.setTimerLocked(c.timers.headerDeadline)
	}
}

var errStalled = errors.New("h2: peer does not read, or keeps its flow-control window closed")

// onTimer enforces the timeouts of the handshake, header blocks, PING, idle connections and
// stalled streams, and the age of connections.
func (c *conn) onTimer() {
	c.mu.Lock()
	if c.closeErr != nil {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	next, alive := c.checkTimersLocked(now)
	stalled, nextCheck := c.stalledLocked(now)
	nextCheck = c.resetStalledDiscardsLocked(now, nextCheck)
	if nextCheck.Before(next) {
		next = nextCheck
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
		_ = c.kill() // nobody is left to report an error to
	}
}

// checkTimersLocked acts on expired timeouts. It returns the time of the next check, and
// whether the peer is alive.
func (c *conn) checkTimersLocked(now time.Time) (next time.Time, alive bool) {
	o, t := &c.server.options, &c.timers
	heard := time.Unix(0, c.lastRead.Load())
	waits := c.pingOutstandingLocked(heard)
	switch {
	case c.settingsUnacked && now.Sub(t.started) >= o.HandshakeTimeout:
		c.failLocked(codeSettingsTimeout, "SETTINGS not acknowledged in time")
		return now, true
	case !t.headerDeadline.IsZero() && !now.Before(t.headerDeadline):
		c.failLocked(codeEnhanceYourCalm, "header block not complete in time")
		return now, true
	case waits && c.send.inWrite:
		// The write deadline decides whether the peer reads.
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
	if !t.retires.IsZero() && c.draining == drainNone {
		if now.Before(t.retires) {
			next = earlier(next, t.retires)
		} else {
			c.announceLocked(now)
		}
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
			c.finalGoAwayLocked() // in one step: no stream is in flight
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

// pingOutstandingLocked reports whether the server sent PING and has received nothing
// since.
func (c *conn) pingOutstandingLocked(heard time.Time) bool {
	return !c.timers.pingSent.IsZero() && heard.Before(c.timers.pingSent)
}

// restartPingLocked restarts PingTimeout after a slow write, behind which the PING was
// queued.
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
