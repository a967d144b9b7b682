package h2

import (
	"context"
	"errors"
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
	handler http.Handler
	body    body
	answer  responseWriter
	// trailer is what the request announces of trailers, and gets at the body's end.
	trailer http.Header
	// waking, started and aborted are the reading goroutine's: the stream is in
	// conn.waking; its handler was started; it is not to be started.
	waking, started, aborted bool
	// credit counts bytes of the body that were consumed and the peer was not told of.
	credit atomic.Int64

	// What follows is guarded by conn.mu.

	remoteClosed bool // the peer has ended its side
	localClosed  bool // so have we
	answered     bool // the answer's HEADERS are on their way
	// dead is why nothing can be sent any more; nil while it can.
	dead error
	// window is how many bytes the peer takes.
	window int64
	// pending are bytes of the handler's that wait to be sent, while it waits too, and
	// pendingEnd whether they end the stream.
	pending    []byte
	pendingEnd bool
	queued     bool // in the sender's ring
	writing    bool // a part of pending is being written
	progress   progress
	sent       sync.Cond
	next       *stream // in the ring
}

// pendingData reports whether the handler waits for something to be sent. The caller
// holds conn.mu.
func (st *stream) pendingData() bool { return len(st.pending) > 0 || st.pendingEnd }

func newStream(c *conn, id uint32) *stream {
	st := &stream{conn: c, id: id}
	st.sent.L = &c.mu
	return st
}

// run serves the request, on a worker's goroutine.
func (st *stream) run() {
	defer st.finish()
	handler := st.handler
	if handler == nil {
		handler = st.conn.handler
	}
	st.answer.init(st)
	if limit := st.conn.server.http.WriteTimeout; limit > 0 {
		_ = st.answer.SetWriteDeadline(time.Now().Add(limit)) // returns nil
	}
	defer func() {
		if v := recover(); v != nil {
			st.panicked(v)
		}
	}()
	handler.ServeHTTP(&st.answer, st.request)
	st.answer.finish()
}

// panicked resets the stream of a handler that panicked, as net/http does.
func (st *stream) panicked(v any) {
	if v != http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
		st.conn.server.options.Logger.Error("panic in a handler", "path", st.request.URL.Path, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	}
	st.conn.resetOpen(st, codeInternal, errStreamReset)
}

// finish is the end of a handler: what it left of the body is not wanted.
func (st *stream) finish() {
	c := st.conn
	st.cancel(context.Canceled)
	st.body.abandon()
	st.answer.release()
	c.mu.Lock()
	for c.full() {
		c.out.drained.Wait() // who has been reset, by a panic, adds to it too
	}
	c.handlers--
	if c.streams[st.id] == st {
		// The handler's goroutine has ended without an answer (runtime.Goexit).
		st.dead = errStreamReset
		c.resetNow(st.id, codeInternal)
		c.drop(st)
	}
	alone := c.handlers == 0 && c.mayWrite()
	if alone {
		c.out.writing = true
	} else {
		c.armWriter()
	}
	c.mu.Unlock()
	if alone {
		// Nobody else is about to send something: waking the writer would cost more.
		(*writer)(c).writeAll()
	}
}

// ended takes note that the answer's end is on its way: the stream is over before the
// peer knows it, which may then open another. The caller holds mu.
func (c *conn) ended(st *stream) {
	st.localClosed = true
	if c.streams[st.id] != st {
		return
	}
	if st.remoteClosed {
		c.flood.answered.Add(1)
	} else {
		// The rest of the request is not needed (RFC 9113, 8.1).
		st.remoteClosed = true
		c.resetNow(st.id, codeNone)
	}
	c.drop(st)
}

// drop takes a stream off the connection. The caller holds mu.
func (c *conn) drop(st *stream) {
	delete(c.streams, st.id)
	c.out.ended.add(st.id)
	c.out.unqueue(st)
	if len(c.streams) == 0 {
		c.becameIdle()
	}
}

// resetNow sends RST_STREAM. The caller holds mu.
func (c *conn) resetNow(id uint32, code errorCode) {
	if c.out.dead {
		return
	}
	c.out.reset(id, code)
	c.out.resets.add(id)
	c.armWriter()
}

// resetStream ends a stream with RST_STREAM, also one that is not open. It is for the
// reading goroutine.
func (c *conn) resetStream(id uint32, code errorCode) {
	c.mu.Lock()
	st := c.streams[id]
	c.resetNow(id, code)
	c.mu.Unlock()
	if st != nil {
		st.aborted = !st.started
		c.closeStream(st, errStreamReset)
	}
}

// resetOpen ends a stream with RST_STREAM where it is still open; cause is what its
// handler learns.
func (c *conn) resetOpen(st *stream, code errorCode, cause error) {
	c.mu.Lock()
	open := c.streams[st.id] == st
	if open {
		c.resetNow(st.id, code)
	}
	c.mu.Unlock()
	if open {
		c.closeStream(st, cause)
	}
}

var errStreamReset = errors.New("h2: the stream was reset")

// closeStream ends a stream that was reset, by either side: its handler learns of it
// from its context, its body and its next write.
func (c *conn) closeStream(st *stream, cause error) {
	c.mu.Lock()
	if c.streams[st.id] != st { // it has ended meanwhile
		c.mu.Unlock()
		return
	}
	st.dead = cause
	st.remoteClosed, st.localClosed = true, true
	c.drop(st)
	st.sent.Broadcast()
	c.out.drained.Broadcast()
	c.mu.Unlock()
	st.cancel(cause)
	st.body.fail(cause, true)
}

// consumed gives the peer credit for n bytes of the body, when enough have come
// together.
func (st *stream) consumed(n int) {
	c := st.conn
	c.consumed(n)
	if st.credit.Add(int64(n)) < int64(c.server.options.StreamWindow)/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if credit := st.credit.Swap(0); credit > 0 && !st.remoteClosed {
		st.body.allow(int(credit))
		c.out.windowUpdate(st.id, uint32(credit))
		c.armWriter()
	}
}
