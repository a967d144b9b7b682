package h2

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2/hpack"
)

// conn is one connection. The goroutine of run reads it; what it alone uses stands
// first. Handlers, timers and the writer share the rest under mu.
type conn struct {
	server  *Server
	nc      net.Conn
	handler http.Handler
	ctx     context.Context // of which each request's is a child
	cancel  context.CancelCauseFunc
	tls     *tls.ConnectionState
	remote  string

	in     receiver
	fields *hpack.Decoder
	direct direct
	block  headerBlock
	// starting are requests whose handlers start, and waking streams whose handlers
	// wake, when the receive buffer is empty.
	starting, waking []*stream
	flood            flood
	gotSettings      bool
	within           bool // a frame is being read
	canonical        map[string]string
	path             string  // of the latest request
	target           url.URL // what path says

	// lastRead is when the peer was last heard, in nanoseconds since 1970.
	lastRead atomic.Int64
	// allowed is how many bytes of DATA the peer may still send, and credit how many
	// handlers have consumed and the peer was not told of.
	allowed, credit atomic.Int64

	mu      sync.Mutex
	streams map[uint32]*stream
	// lastID is the highest stream that the peer has opened.
	lastID uint32
	// handlers counts those that run, also for streams that are gone.
	handlers int
	out      sender
	peer     peerSettings
	// unacked says that the peer has not acknowledged our SETTINGS.
	unacked  bool
	draining drainState
	closed   error // why the connection ends; nil while it serves
	times    times
}

// peerSettings are the peer's SETTINGS that matter to what is sent.
type peerSettings struct {
	initialWindow int64
	maxFrame      int
}

func newConn(parent context.Context, s *Server, nc net.Conn, handler http.Handler, state *tls.ConnectionState) *conn {
	now := time.Now()
	c := &conn{
		server: s, nc: nc, handler: handler, tls: state, remote: nc.RemoteAddr().String(),
		streams: map[uint32]*stream{}, flood: newFlood(now),
		peer:  peerSettings{initialWindow: initialWindow, maxFrame: minFrameSize},
		times: times{began: now, idleFrom: now},
	}
	c.ctx, c.cancel = context.WithCancelCause(parent)
	c.in.init(nc, c.idle)
	c.allowed.Store(int64(s.options.ConnectionWindow))
	c.lastRead.Store(now.UnixNano())
	c.fields = hpack.NewDecoder(headerTableSize, c.field)
	// Beyond what answers with 431, even to decode a field costs too much.
	c.fields.SetMaxStringLength(2 * s.options.MaxHeaderBytes)
	c.out.init()
	c.out.drained.L = &c.mu
	return c
}

// begin sends what a connection begins with. The caller holds mu.
func (c *conn) begin() {
	c.sendSettings()
	c.times.next = time.Now().Add(c.server.options.HandshakeTimeout)
	c.times.timer = time.AfterFunc(c.server.options.HandshakeTimeout, c.tick)
}

// run serves the connection until it ends. ahead is what was read of it already.
func (c *conn) run(ahead []byte) {
	c.in.give(ahead)
	_ = c.nc.SetDeadline(time.Time{}) // the handshake's; a connection that is closed says so when it is read
	c.end(c.readAll())
	// Handlers may still run; they hold no part of the connection's buffers.
	c.in.release()
}

// idle reports whether no request is open, and no frame has begun, so that the receive
// buffer can be given back while nothing comes. It is for the reading goroutine.
func (c *conn) idle() bool {
	if c.within {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) == 0
}

// release starts the handlers and wakes the bodies that were set aside.
func (c *conn) release() {
	more := false
	for i, st := range c.starting {
		c.starting[i] = nil
		if st.aborted {
			c.forget(st)
			continue
		}
		st.started = true
		more = more || !st.remoteClosed
		c.server.workers.do(st)
	}
	c.starting = c.starting[:0]
	if more {
		runtime.Gosched() // who reads is given what comes next, and it need not be held
	}
	for i, st := range c.waking {
		c.waking[i] = nil
		st.waking = false
		st.body.settle()
	}
	c.waking = c.waking[:0]
}

// forget lets go of a request whose handler is never to start.
func (c *conn) forget(st *stream) {
	c.mu.Lock()
	c.handlers--
	c.mu.Unlock()
	st.cancel(errConnClosed)
	st.body.abandon()
}
