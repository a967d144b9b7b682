package h2

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// stream is one request and its answer.
type stream struct {
	conn    *conn
	id      uint32
	request *http.Request
	cancel  context.CancelCauseFunc
	// handler is what serves the stream in place of the connection's; nil: that one.
	handler  http.Handler
	body     body
	response responseWriter
	// trailer is what the request announces of trailers, and gets at the body's end.
	trailer http.Header
	// waking, started and aborted are the reading goroutine's: the stream is in
	// conn.waking; its handler was started; it is not to be started.
	toWake, started, aborted bool
	// credit counts bytes of the body that were consumed and the peer was not told of.
	pendingCredit atomic.Int64

	// What follows is guarded by conn.mu.

	remoteClosed bool // the peer has ended its side
	localClosed  bool // so have we
	headersSent  bool // the answer's HEADERS are on their way
	// dead is why nothing can be sent any more; nil while it can.
	sendErr error
	// window is how many bytes the peer takes.
	sendWindow int64
	// pending are bytes of the handler's that wait to be sent, while it waits too, and
	// pendingEnd whether they end the stream.
	pending    []byte
	pendingEnd bool
	queued     bool // in the sender's ring
	writing    bool // a part of pending is being written
	progress   sendProgress
	sendCond   sync.Cond
	next       *stream // in the ring
}

// pendingData reports whether the handler waits for something to be sent. The caller
// holds conn.mu.
func (st *stream) hasPendingLocked() bool { return len(st.pending) > 0 || st.pendingEnd }

func newStream(c *conn, id uint32) *stream {
	st := &stream{conn: c, id: id}
	st.sendCond.L = &c.mu
	return st
}

// run serves the request, on a worker's goroutine.
func (st *stream) run() {
	defer st.finishHandler()
	handler := st.handler
	if handler == nil {
		handler = st.conn.handler
	}
	st.response.init(st)
	if limit := st.conn.server.httpServer.WriteTimeout; limit > 0 {
		_ = st.response.SetWriteDeadline(time.Now().Add(limit)) // returns nil
	}
	defer func() {
		if v := recover(); v != nil {
			st.handlePanic(v)
		}
	}()
	handler.ServeHTTP(&st.response, st.request)
	st.response.finish()
}

// panicked resets the stream of a handler that panicked, as net/http does.
func (st *stream) handlePanic(v any) {
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
		st.conn.server.options.Logger.Error("panic in a handler", "path", st.request.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
	st.conn.resetIfOpen(st, codeInternal, errStreamReset)
}

// finish is the end of a handler: what it left of the body is not wanted.
func (st *stream) finishHandler() {
	c := st.conn
	st.cancel(context.Canceled)
	st.body.abandon()
	st.response.release()
	c.mu.Lock()
	for c.sendBufferFullLocked() {
		c.send.drained.Wait() // who has been reset, by a panic, adds to it too
	}
	c.handlers--
	if c.streams[st.id] == st {
		// The handler's goroutine has ended without an answer (runtime.Goexit).
		st.sendErr = errStreamReset
		c.queueResetLocked(st.id, codeInternal)
		c.dropStreamLocked(st)
	}
	alone := c.handlers == 0 && c.needsWriterLocked()
	if alone {
		c.send.writing = true
	} else {
		c.armWriterLocked()
	}
	c.mu.Unlock()
	if alone {
		// Nobody else is about to send something: waking the writer would cost more.
		(*writer)(c).writeAll()
	}
}

// ended takes note that the answer's end is on its way: the stream is over before the
// peer knows it, which may then open another. The caller holds mu.
func (c *conn) responseEndedLocked(st *stream) {
	st.localClosed = true
	if c.streams[st.id] != st {
		return
	}
	if st.remoteClosed {
		c.flood.completed.Add(1)
	} else {
		// The rest of the request is not needed (RFC 9113, 8.1).
		st.remoteClosed = true
		c.queueResetLocked(st.id, codeNoError)
	}
	c.dropStreamLocked(st)
}

// drop takes a stream off the connection. The caller holds mu.
func (c *conn) dropStreamLocked(st *stream) {
	delete(c.streams, st.id)
	c.send.closed.add(st.id)
	c.send.dequeue(st)
	if len(c.streams) == 0 {
		c.becameIdleLocked()
	}
}
