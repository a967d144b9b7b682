package h2

import "time"

// drainState is the progress of a graceful shutdown. The first GOAWAY announces it with the
// highest possible stream, so that streams in flight stay valid. The second names the last
// stream (RFC 9113, section 6.8).
type drainState uint8

const (
	drainNone drainState = iota
	drainAnnounced
	drainFinal
)

// drainPing is the payload of the PING after the first GOAWAY. Its acknowledgment follows
// every stream that the peer opened before it received the GOAWAY.
var drainPing = [8]byte{'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'}

// drainPingTimeout bounds the wait for that acknowledgment.
const drainPingTimeout = time.Second

// drain starts the graceful shutdown of the connection.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining == drainNone && c.closeErr == nil {
		c.announceLocked(time.Now())
	}
}

// announceLocked sends the first GOAWAY.
func (c *conn) announceLocked(now time.Time) {
	c.draining = drainAnnounced
	c.send.appendGoAway(maxStreamID, codeNoError, "")
	c.send.appendPing(drainPing)
	c.armWriterLocked()
	c.timers.drainStarted = now
	c.setTimerLocked(c.timers.drainStarted.Add(drainPingTimeout))
}

// finalGoAwayLocked sends the second GOAWAY.
func (c *conn) finalGoAwayLocked() {
	if c.draining == drainFinal || c.closeErr != nil {
		return
	}
	c.draining = drainFinal
	c.send.appendGoAway(c.lastID, codeNoError, "")
	c.armWriterLocked()
	c.closeIfDoneLocked()
}

// closeIfDoneLocked closes a drained connection without streams, after everything is
// written.
func (c *conn) closeIfDoneLocked() {
	if c.draining != drainFinal || len(c.streams) > 0 || c.closeErr != nil {
		return
	}
	c.closeErr = errConnClosed
	c.closeWhenWrittenLocked()
}

// becameIdleLocked records that the last stream has ended.
func (c *conn) becameIdleLocked() {
	c.timers.idleSince = time.Now()
	c.recv.reclaim()
	c.closeIfDoneLocked()
}

// failLocked ends the connection with GOAWAY, outside the reader goroutine.
func (c *conn) failLocked(code errorCode, reason string) {
	c.closeErr = connError{code, reason}
	c.send.appendGoAway(c.lastID, code, reason)
	c.finalWriteDeadlineLocked()
	c.closeWhenWrittenLocked()
}

// onGoAway handles the peer's GOAWAY (RFC 9113, section 6.8).
func (c *conn) onGoAway(f frame) error {
	if f.id != 0 {
		return connErrorf(codeProtocol, "GOAWAY on stream %d, want stream 0", f.id)
	}
	if f.length < 8 {
		return connErrorf(codeFrameSize, "GOAWAY of %d bytes, want at least 8", f.length)
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	if err := c.skip(f.length); err != nil {
		return err
	}
	// The peer opens no more streams: the connection ends with its open ones.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finalGoAwayLocked()
	return nil
}
