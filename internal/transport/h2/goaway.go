package h2

import "time"

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
	c.out.ping(drainPing)
	c.armWriter()
	c.times.warned = time.Now()
	c.tickBy(c.times.warned.Add(drainPatience))
}

// drained sends the second GOAWAY. The caller holds mu.
func (c *conn) drained() {
	if c.draining == drainFinal || c.closed != nil {
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
	c.times.idleFrom = time.Now()
	c.in.reclaim()
	c.closeIfDone()
}

// give ends the connection with GOAWAY from outside the reading goroutine. The caller
// holds mu.
func (c *conn) give(code errorCode, reason string) {
	c.closed = connError{code, reason}
	c.out.goAway(c.lastID, code, reason)
	c.hurry()
	c.closeWhenWritten()
}
