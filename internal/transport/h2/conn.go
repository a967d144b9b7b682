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
	server     *Server
	nc         net.Conn
	handler    http.Handler
	ctx        context.Context // of which each request's is a child
	cancel     context.CancelCauseFunc
	tls        *tls.ConnectionState
	remoteAddr string

	recv    receiveBuffer
	decoder *hpack.Decoder
	direct  directReader
	headers headerBlock
	// starting are requests whose handlers start, and waking streams whose handlers
	// wake, when the receive buffer is empty.
	toStart, toWake []*stream
	flood           floodBudget
	gotSettings     bool
	inFrame         bool // a frame is being read
	canonicalNames  map[string]string
	lastPath        string  // of the latest request
	lastURL         url.URL // what path says

	// lastRead is when the peer was last heard, in nanoseconds since 1970.
	lastRead atomic.Int64
	// allowed is how many bytes of DATA the peer may still send, and credit how many
	// handlers have consumed and the peer was not told of.
	recvWindow, pendingCredit atomic.Int64

	mu      sync.Mutex
	streams map[uint32]*stream
	// lastID is the highest stream that the peer has opened.
	lastID uint32
	// handlers counts those that run, also for streams that are gone.
	handlers int
	send     sendQueue
	peer     peerSettings
	// unacked says that the peer has not acknowledged our SETTINGS.
	settingsUnacked bool
	draining        drainState
	closeErr        error // why the connection ends; nil while it serves
	timers          connTimers
}

// peerSettings are the peer's SETTINGS that matter to what is sent.
type peerSettings struct {
	initialWindow int64
	maxFrame      int
}

func newConn(parent context.Context, s *Server, nc net.Conn, handler http.Handler, state *tls.ConnectionState) *conn {
	now := time.Now()
	c := &conn{
		server: s, nc: nc, handler: handler, tls: state, remoteAddr: nc.RemoteAddr().String(),
		streams: map[uint32]*stream{}, flood: newFlood(now),
		peer:   peerSettings{initialWindow: initialWindow, maxFrame: minFrameSize},
		timers: connTimers{started: now, idleSince: now},
	}
	c.ctx, c.cancel = context.WithCancelCause(parent)
	c.recv.init(nc, c.idle)
	c.recvWindow.Store(int64(s.options.ConnectionWindow))
	c.lastRead.Store(now.UnixNano())
	c.decoder = hpack.NewDecoder(headerTableSize, c.onField)
	// Beyond what answers with 431, even to decode a field costs too much.
	c.decoder.SetMaxStringLength(2 * s.options.MaxHeaderBytes)
	c.send.init()
	c.send.drained.L = &c.mu
	return c
}

// begin sends what a connection begins with. The caller holds mu.
func (c *conn) beginLocked() {
	c.sendSettingsLocked()
	c.timers.next = time.Now().Add(c.server.options.HandshakeTimeout)
	c.timers.timer = time.AfterFunc(c.server.options.HandshakeTimeout, c.onTimer)
}

// run serves the connection until it ends. ahead is what was read of it already.
func (c *conn) run(ahead []byte) {
	c.recv.prepend(ahead)
	_ = c.nc.SetDeadline(time.Time{}) // the handshake's; a connection that is closed says so when it is read
	c.terminate(c.readAll())
	// Handlers may still run; they hold no part of the connection's buffers.
	c.recv.release()
}

// idle reports whether no request is open, and no frame has begun, so that the receive
// buffer can be given back while nothing comes. It is for the reading goroutine.
func (c *conn) idle() bool {
	if c.inFrame {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) == 0
}

// release starts the handlers and wakes the bodies that were set aside.
func (c *conn) startPending() {
	more := false
	for i, st := range c.toStart {
		c.toStart[i] = nil
		if st.aborted {
			c.dropUnstarted(st)
			continue
		}
		st.started = true
		more = more || !st.remoteClosed
		c.server.workers.do(st)
	}
	c.toStart = c.toStart[:0]
	if more {
		runtime.Gosched() // who reads is given what comes next, and it need not be held
	}
	for i, st := range c.toWake {
		c.toWake[i] = nil
		st.toWake = false
		st.body.wakeWaiting()
	}
	c.toWake = c.toWake[:0]
}

// forget lets go of a request whose handler is never to start.
func (c *conn) dropUnstarted(st *stream) {
	c.mu.Lock()
	c.handlers--
	c.mu.Unlock()
	st.cancel(errConnClosed)
	st.body.abandon()
}
