package h2

import (
	"time"
)

// drainState is how far a connection is on its way to its end: first the peer is told
// that there will be one, so that streams under way still count, then which stream was
// the last (RFC 9113, 6.8).
type drainState uint8

const (
	drainNone drainState = iota
	drainWarned
	drainFinal
)

// drainPing is the payload of the PING that follows the first GOAWAY: when it comes
// back, all streams that the peer opened before it knew have come too.
var drainPing = [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}

// drainPatience is how long the second GOAWAY waits for the PING.
const drainPatience = time.Second

// drain begins the connection's end.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining != drainNone || c.closed != nil {
		return
	}
	c.draining = drainWarned
	c.out.goAway(maxStreamID, codeNone, "")
	c.out.buf = append(appendFrame(c.out.buf, 8, framePing, 0, 0), drainPing[:]...)
	c.armWriter()
	c.timer.Reset(drainPatience)
}

// drained sends the second GOAWAY. The caller holds mu.
func (c *conn) drained() {
	if c.draining != drainWarned {
		return
	}
	c.draining = drainFinal
	c.out.goAway(c.lastID, codeNone, "")
	c.armWriter()
	c.closeIfDone()
}

// closeIfDone closes a connection that has no more to do, once all is written. The
// caller holds mu.
func (c *conn) closeIfDone() {
	if c.draining != drainFinal || len(c.streams) > 0 || c.closed != nil {
		return
	}
	c.closed = errConnClosed
	c.closeWhenWritten()
}

// becameIdle takes note that the last stream has ended. The caller holds mu.
func (c *conn) becameIdle() {
	c.idleFrom = time.Now()
	c.closeIfDone()
}

// tick looks after the connection's times: the handshake's, the peer's silence, and
// that of an idle connection. One timer serves them all.
func (c *conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return
	}
	now := time.Now()
	o := &c.server.options
	switch c.draining {
	case drainWarned:
		c.drained()
		c.timer.Reset(drainPatience)
		return
	case drainFinal, drainNone:
	}
	heard := time.Unix(0, c.lastRead.Load())
	next := now.Add(o.PingAfter)
	switch {
	case c.unacked && now.Sub(c.began) >= o.HandshakeTimeout:
		c.give(codeSettingsTimeout, "SETTINGS were not acknowledged")
		return
	case len(c.streams) == 0 && now.Sub(c.idleFrom) >= o.IdleTimeout:
		c.draining = drainFinal
		c.out.goAway(c.lastID, codeNone, "")
		c.armWriter()
		c.closeIfDone()
		return
	case !c.pinged.IsZero() && now.Sub(c.pinged) >= o.PingTimeout && heard.Before(c.pinged):
		_ = c.nc.Close() // the peer is gone: nobody is left to tell
		return
	case !c.pinged.IsZero() && heard.Before(c.pinged):
		next = c.pinged.Add(o.PingTimeout)
	case now.Sub(heard) >= o.PingAfter:
		c.pinged = now
		c.out.buf = append(appendFrame(c.out.buf, 8, framePing, 0, 0), make([]byte, 8)...)
		c.armWriter()
		next = now.Add(o.PingTimeout)
	default:
		c.pinged = time.Time{}
		next = heard.Add(o.PingAfter)
	}
	if len(c.streams) == 0 {
		if idle := c.idleFrom.Add(o.IdleTimeout); idle.Before(next) {
			next = idle
		}
	}
	c.timer.Reset(max(next.Sub(now), time.Millisecond))
}

// give ends the connection with GOAWAY from outside the reading goroutine. The caller
// holds mu.
func (c *conn) give(code errorCode, reason string) {
	c.closed = connError{code, reason}
	c.out.goAway(c.lastID, code, reason)
	c.closeWhenWritten()
}
