package h2

import (
	"crypto/tls"
	"errors"
	"io"
	"time"
)

var errConnClosed = errors.New("h2: connection closed")

// lingerTime bounds the wait for a peer to read the last frames and to close its side.
const lingerTime = time.Second

// terminate ends the connection. It sends GOAWAY for a connection error, and ends every
// handler's context and body.
func (c *conn) terminate(cause error) {
	ce, sendGoAway := errors.AsType[connError](cause)
	c.mu.Lock()
	c.timers.timer.Stop()
	if c.closeErr == nil {
		c.closeErr = cause
	} else {
		sendGoAway = false // GOAWAY was sent before
	}
	streams := make([]*stream, 0, len(c.streams))
	for _, st := range c.streams {
		streams = append(streams, st)
		st.sendErr = errConnClosed
		c.send.dequeue(st)
		st.sendCond.Broadcast()
	}
	clear(c.streams)
	if sendGoAway {
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
	if sendGoAway {
		c.linger()
	}
	if sendGoAway || errors.Is(cause, io.EOF) {
		_ = c.nc.Close() // nobody is left to report an error to
	} else {
		_ = c.kill() // the same
	}
}

// linger waits for the writer, and then discards input for lingerTime. Closing a socket
// with unread bytes resets it, and the peer could lose the GOAWAY.
func (c *conn) linger() {
	c.mu.Lock()
	for c.send.writing {
		c.send.drained.Wait()
	}
	c.send.dead = true
	c.mu.Unlock()
	c.halfClose()
	_, _ = io.CopyN(io.Discard, c.nc, 1<<20) // until either side ends
}

// finalWriteDeadlineLocked gives the peer lingerTime to read the GOAWAY. No later write
// extends it.
func (c *conn) finalWriteDeadlineLocked() {
	_ = c.nc.SetWriteDeadline(time.Now().Add(lingerTime)) // the connection closes in any case
	c.send.deadlineFinal = true
}

// halfClose closes the sending side and gives the peer lingerTime to close its own. Closing
// both at once would reset the connection if the peer had sent more, and it could lose the
// end of a response.
func (c *conn) halfClose() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || c.nc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		_ = c.kill() // ends the reader goroutine
	}
}

// kill closes the connection at once and ends the reader goroutine. Over TLS it skips
// close_notify, which may block.
func (c *conn) kill() error {
	if over, ok := c.nc.(*tls.Conn); ok {
		return ignoreClosed(over.NetConn().Close())
	}
	return ignoreClosed(c.nc.Close())
}
