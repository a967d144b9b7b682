package h2

import (
	"crypto/tls"
	"errors"
	"io"
	"time"
)

var errConnClosed = errors.New("h2: the connection is closed")

// lingerTime is how long a connection that ends waits for a peer to take the rest, and
// to close its side.
const lingerTime = time.Second

// end ends the connection: it tells the peer why, as far as the peer can still be
// told, and every handler by its context and body.
func (c *conn) terminate(why error) {
	ce, tell := errors.AsType[connError](why)
	c.mu.Lock()
	c.timers.timer.Stop()
	if c.closeErr == nil {
		c.closeErr = why
	} else {
		tell = false // it has been told
	}
	streams := make([]*stream, 0, len(c.streams))
	for _, st := range c.streams {
		streams = append(streams, st)
		st.sendErr = errConnClosed
		c.send.dequeue(st)
		st.sendCond.Broadcast()
	}
	clear(c.streams)
	if tell {
		c.send.appendGoAway(c.lastID, ce.code, ce.reason)
		c.armWriterLocked()
		c.finalWriteDeadlineLocked()
	} else {
		c.send.dead = true
	}
	c.send.drained.Broadcast()
	c.mu.Unlock()
	c.cancel(errConnClosed)
	for _, st := range c.toStart {
		c.dropUnstarted(st)
	}
	c.toStart = nil
	for _, st := range streams {
		st.body.fail(io.ErrUnexpectedEOF, false)
	}
	if tell {
		c.linger()
	}
	if tell || errors.Is(why, io.EOF) {
		_ = c.nc.Close() // nobody is left to tell
	} else {
		_ = c.kill() // likewise
	}
}

// linger waits for the writer, and then reads on for a moment: closing a connection
// with unread bytes resets it, and the peer might lose the GOAWAY.
func (c *conn) linger() {
	c.mu.Lock()
	for c.send.writing {
		c.send.drained.Wait()
	}
	c.send.dead = true
	c.mu.Unlock()
	c.halfClose()
	_, _ = io.CopyN(io.Discard, c.nc, 1<<20) // until it ends, one way or another
}

// hurry gives a peer that is told of the connection's end a moment to read it. The
// caller holds mu.
func (c *conn) finalWriteDeadlineLocked() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(lingerTime)) // it is closed in any case
	c.send.deadlineFinal = true
}

// halfClose ends our side of the connection, and gives the peer a moment to end its
// own: closing at once would reset the connection where the peer has sent something
// meanwhile, and it might lose the end of an answer.
func (c *conn) halfClose() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		_ = c.kill() // the reading goroutine ends with it
	}
}

// kill closes the connection at once; with TLS, without a farewell, which may take
// its time. The reading goroutine ends with it.
func (c *conn) kill() error {
	if over, ok := c.nc.(*tls.Conn); ok {
		return ignoreClosed(over.NetConn().Close())
	}
	return ignoreClosed(c.nc.Close())
}
