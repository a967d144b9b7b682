package h2

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// stream is one request and its response.
type stream struct {
	conn    *conn
	id      uint32
	request *http.Request
	cancel  context.CancelCauseFunc
	// handler overrides the connection's handler; nil: no override.
	handler  http.Handler
	body     body
	response responseWriter
	// trailer is Request.Trailer: announced names, with values from the end of the body on.
	trailer http.Header
	// The reader goroutine owns wakeQueued (the stream is in conn.toWake), started (its
	// handler was started) and aborted (it must not start).
	wakeQueued, started, aborted bool
	// pendingCredit counts consumed bytes that no WINDOW_UPDATE has returned yet.
	pendingCredit atomic.Int64

	// conn.mu guards the fields below.

	remoteClosed bool // half-closed (remote): END_STREAM received (RFC 9113, section 5.1)
	localClosed  bool // half-closed (local): END_STREAM queued
	headersSent  bool // HEADERS of the response are queued
	// sendErr is why nothing can be sent any more; nil while it can.
	sendErr error
	// sendWindow is the peer's receive window: bytes of DATA that may be sent.
	sendWindow int64
	// pending are bytes of a handler that waits in Write; pendingEnd: they end the stream.
	pending    []byte
	pendingEnd bool
	queued     bool // in the send queue
	writing    bool // a part of pending is being written
	progress   sendProgress
	sendCond   sync.Cond
	next       *stream // in the send queue
}

// hasPendingLocked reports whether a handler waits for DATA to be sent.
func (st *stream) hasPendingLocked() bool { return len(st.pending) > 0 || st.pendingEnd }

func newStream(c *conn, id uint32) *stream {
	st := &stream{conn: c, id: id}
	st.sendCond.L = &c.mu
	return st
}

// run serves the request on a worker goroutine.
func (st *stream) run() {
	defer st.finishHandler()
	handler := st.handler
	if handler == nil {
		handler = st.conn.handler
	}
	st.response.init(st)
	if limit := st.conn.server.httpServer.WriteTimeout; limit > 0 {
		_ = st.response.SetWriteDeadline(time.Now().Add(limit)) // always nil
	}
	defer func() {
		if v := recover(); v != nil {
			st.handlePanic(v)
		}
	}()
	handler.ServeHTTP(&st.response, st.request)
	st.response.finish()
}

// handlePanic resets the stream of a handler that panicked, as net/http does.
func (st *stream) handlePanic(v any) {
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
		telemetry.LogPanic(st.request.Context(), st.conn.server.options.Logger.With("path", st.request.URL.Path), "HTTP/2 stream", v)
	}
	st.conn.resetIfOpen(st, codeInternal, errStreamReset)
}

// finishHandler runs after the handler: it discards the rest of the body and makes sure
// that the response is sent.
func (st *stream) finishHandler() {
	c := st.conn
	st.cancel(context.Canceled)
	st.body.abandon()
	st.response.release()
	c.mu.Lock()
	for c.sendBufferFullLocked() {
		c.send.drained.Wait() // a stream reset by a panic adds to the buffer too
	}
	c.handlers--
	if c.streams[st.id] == st {
		// The handler's goroutine ended without a response (runtime.Goexit).
		st.sendErr = errStreamReset
		c.queueResetLocked(st.id, codeInternal)
		c.dropStreamLocked(st)
	}
	// This goroutine becomes the writer: to wake another costs more.
	alone, writes := c.handlers == 0, c.needsWriterLocked()
	c.send.writing = c.send.writing || writes
	c.mu.Unlock()
	switch {
	case writes && alone: // no other handler is about to send
		(*writer)(c).writeAll()
	case writes:
		(*writer)(c).run()
	}
}

// responseEndedLocked records that END_STREAM is queued. The stream no longer counts as
// open, because the peer may open another as soon as it receives END_STREAM.
func (c *conn) responseEndedLocked(st *stream) {
	st.localClosed = true
	if c.streams[st.id] != st {
		return
	}
	if st.remoteClosed {
		c.flood.completed.Add(1)
	} else {
		// The rest of the request is not needed (RFC 9113, section 8.1).
		st.remoteClosed = true
		if !c.discardLocked(st) {
			c.queueResetLocked(st.id, codeNoError)
		}
	}
	c.dropStreamLocked(st)
}

// dropStreamLocked removes a stream from the connection.
func (c *conn) dropStreamLocked(st *stream) {
	delete(c.streams, st.id)
	c.send.closed.add(st.id)
	c.send.dequeue(st)
	if len(c.streams) == 0 {
		c.becameIdleLocked()
	}
}
