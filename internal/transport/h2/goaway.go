package h2

import "time"

// drainState is how far a connection is on its way to its end: first the peer is told
// that there will be one, so that streams under way still count, then which stream was
// the last (RFC 9113, 6.8).
type drainState uint8

const (
	drainNone drainState = iota
	drainAnnounced
	drainFinal
)

// drainPing is the payload of the PING that follows the first GOAWAY: when it comes
// back, all streams that the peer opened before it knew have come too.
var drainPing = [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}

// drainPatience is how long the second GOAWAY waits for the PING.
const drainPingTimeout = time.Second

// drain begins the connection's end.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining != drainNone || c.closeErr != nil {
		return
	}
	c.draining = drainAnnounced
	c.send.appendGoAway(maxStreamID, codeNoError, "")
	c.send.appendPing(drainPing)
	c.armWriterLocked()
	c.timers.drainStarted = time.Now()
	c.setTimerLocked(c.timers.drainStarted.Add(drainPingTimeout))
}

// drained sends the second GOAWAY. The caller holds mu.
func (c *conn) finalGoAwayLocked() {
	if c.draining == drainFinal || c.closeErr != nil {
		return
	}
	c.draining = drainFinal
	c.send.appendGoAway(c.lastID, codeNoError, "")
	c.armWriterLocked()
	c.closeIfDoneLocked()
}

// closeIfDone closes a connection that has no more to do, once all is written. The
// caller holds mu.
func (c *conn) closeIfDoneLocked() {
	if c.draining != drainFinal || len(c.streams) > 0 || c.closeErr != nil {
		return
	}
	c.closeErr = errConnClosed
	c.closeWhenWrittenLocked()
}

// becameIdle takes note that the last stream has ended. The caller holds mu.
func (c *conn) becameIdleLocked() {
	c.timers.idleSince = time.Now()
	c.recv.reclaim()
	c.closeIfDoneLocked()
}

// give ends the connection with GOAWAY from outside the reading goroutine. The caller
// holds mu.
func (c *conn) failLocked(code errorCode, reason string) {
	c.closeErr = connError{code, reason}
	c.send.appendGoAway(c.lastID, code, reason)
	c.finalWriteDeadlineLocked()
	c.closeWhenWrittenLocked()
}

func (c *conn) onGoAway(f frame) error {
	if f.id != 0 {
		return connError{codeProtocol, "GOAWAY on a stream"}
	}
	if f.length < 8 {
		return connError{codeFrameSize, "GOAWAY of a wrong length"}
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	if err := c.skip(f.length); err != nil {
		return err
	}
	// The peer opens no more streams: the connection ends with those that are open.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finalGoAwayLocked()
	return nil
}
