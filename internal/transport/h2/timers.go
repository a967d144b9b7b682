package h2

import (
	"errors"
	"time"
)

// times are a connection's; conn.mu guards them. One timer serves all.
type times struct {
	timer *time.Timer
	// next is when the timer fires.
	next     time.Time
	began    time.Time
	idleFrom time.Time
	pinged   time.Time // when the peer was asked for a sign of life; zero when not
	warned   time.Time // when the peer was told that the connection will end
	headerBy time.Time // until when a header block must be complete; zero when there is none
}

// tickBy makes the timer fire by t. The caller holds mu.
func (c *conn) tickBy(t time.Time) {
	if c.closed == nil && t.Before(c.times.next) {
		c.times.next = t
		c.times.timer.Reset(time.Until(t))
	}
}

// timeHeader begins or ends the time of a header block.
func (c *conn) timeHeader(begins bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times.headerBy = (time.Time{}); begins {
		c.times.headerBy = time.Now().Add(c.server.headerTimeout())
		c.tickBy(c.times.headerBy)
	}
}

var errStalled = errors.New("h2: the peer does not take what is sent")

// tick looks after the connection's times: the handshake's, the peer's silence, that
// of an idle connection, and those of streams whose window stays closed.
func (c *conn) tick() {
	c.mu.Lock()
	if c.closed != nil {
		c.mu.Unlock()
		return
	}
	now := time.Now()
	next, alive := c.look(now)
	stalled, again := c.stalled(now)
	if again.Before(next) {
		next = again
	}
	if c.closed == nil {
		c.times.next = next
		c.times.timer.Reset(max(next.Sub(now), time.Millisecond))
	}
	c.mu.Unlock()
	for _, st := range stalled {
		c.resetOpen(st, codeCancel, errStalled)
	}
	if !alive {
		_ = c.kill() // nobody is left to tell
	}
}

// look acts on what is due, and returns when to look again, and whether the peer still
// lives. The caller holds mu.
func (c *conn) look(now time.Time) (next time.Time, alive bool) {
	o, t := &c.server.options, &c.times
	heard := time.Unix(0, c.lastRead.Load())
	waits := c.waitsForPeer(heard)
	switch {
	case c.unacked && now.Sub(t.began) >= o.HandshakeTimeout:
		c.give(codeSettingsTimeout, "SETTINGS were not acknowledged")
		return now, true
	case !t.headerBy.IsZero() && !now.Before(t.headerBy):
		c.give(codeEnhanceCalm, "a header block takes too long")
		return now, true
	case waits && c.out.busy:
		// Whether it takes what is written is for the write's deadline to say.
		c.out.slow = true
		next = now.Add(o.PingTimeout)
	case waits && now.Sub(t.pinged) >= o.PingTimeout:
		return now.Add(o.PingTimeout), false
	case waits:
		next = t.pinged.Add(o.PingTimeout)
	case now.Sub(heard) >= o.PingAfter:
		t.pinged, c.out.slow = now, c.out.busy
		c.out.ping([8]byte{})
		c.armWriter()
		next = now.Add(o.PingTimeout)
	default:
		t.pinged = time.Time{}
		next = heard.Add(o.PingAfter)
	}
	if c.draining == drainWarned {
		if by := t.warned.Add(drainPatience); now.Before(by) {
			next = earlier(next, by)
		} else {
			c.drained()
		}
	}
	if len(c.streams) == 0 && c.draining == drainNone {
		if by := t.idleFrom.Add(o.IdleTimeout); now.Before(by) {
			next = earlier(next, by)
		} else {
			c.drained() // at once: nothing is under way
		}
	}
	if !t.headerBy.IsZero() {
		next = earlier(next, t.headerBy)
	}
	if c.unacked {
		next = earlier(next, t.began.Add(o.HandshakeTimeout))
	}
	return next, true
}

// waitsForPeer reports whether the peer was asked for a sign of life, and has given none.
// The caller holds mu.
func (c *conn) waitsForPeer(heard time.Time) bool {
	return !c.times.pinged.IsZero() && heard.Before(c.times.pinged)
}

// restartPing gives a peer that has taken its time for a write the whole time for the PING
// behind it. The caller holds mu.
func (c *conn) restartPing() {
	if !c.out.slow {
		return
	}
	c.out.slow = false
	if c.waitsForPeer(time.Unix(0, c.lastRead.Load())) {
		c.times.pinged = time.Now()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
