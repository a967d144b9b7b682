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

// conn is one HTTP/2 connection. The reader goroutine runs run; fields above mu belong to
// it alone, except the atomic ones. Handlers, timers and the writer share the fields below
// mu, which mu guards. Lock order: conn.mu before Server.mu and body.mu.
type conn struct {
	server     *Server
	nc         net.Conn
	handler    http.Handler
	ctx        context.Context // parent of each request's context
	cancel     context.CancelCauseFunc
	tls        *tls.ConnectionState
	remoteAddr string
	buffers    *peerBuffers

	recv    receiveBuffer
	decoder *hpack.Decoder
	direct  directReader
	headers headerBlock
	// Both are acted on when the receive buffer is empty: toStart are requests whose
	// handlers start, toWake streams whose waiting Read wakes.
	toStart, toWake []*stream
	flood           floodBudget
	gotSettings     bool
	inFrame         bool // a frame is being read
	canonicalNames  map[string]string
	lastPath        string  // :path of the latest request
	lastURL         url.URL // lastPath, parsed

	// lastRead is when the peer last sent anything, in Unix nanoseconds.
	lastRead atomic.Int64
	// recvWindow is the connection's receive window: bytes of DATA that the peer may still
	// send. pendingCredit counts consumed bytes that no WINDOW_UPDATE has returned yet.
	recvWindow, pendingCredit atomic.Int64

	mu      sync.Mutex
	streams map[uint32]*stream
	// discards are the ended streams whose clients still send.
	discards map[uint32]*discard
	// lastID is the highest stream that the peer has opened.
	lastID uint32
	// handlers counts running handlers, including those of reset streams.
	handlers int
	send     sendQueue
	peer     peerSettings
	// settingsUnacked: the peer has not acknowledged our SETTINGS (RFC 9113, section
	// 6.5.3).
	settingsUnacked bool
	draining        drainState
	closeErr        error // why the connection ends; nil while it serves
	timers          connTimers
}

// peerSettings are the peer's SETTINGS that affect sending.
type peerSettings struct {
	initialWindow int64
	maxFrame      int
}

// newConn returns the connection on nc. state is nil without TLS.
func newConn(parent context.Context, s *Server, nc net.Conn, handler http.Handler, state *tls.ConnectionState) *conn {
	now := time.Now()
	c := &conn{
		server: s, nc: nc, handler: handler, tls: state, remoteAddr: nc.RemoteAddr().String(),
		streams: map[uint32]*stream{}, flood: newFlood(now),
		peer:   peerSettings{initialWindow: initialWindow, maxFrame: minFrameSize},
		timers: connTimers{started: now, idleSince: now},
	}
	if s.options.MaxAge != nil {
		c.timers.retires = now.Add(s.options.MaxAge())
	}
	c.ctx, c.cancel = context.WithCancelCause(parent)
	c.recv.init(nc, c.idle)
	c.recvWindow.Store(int64(s.options.ConnectionWindow))
	c.lastRead.Store(now.UnixNano())
	c.decoder = hpack.NewDecoder(headerTableSize, c.onField)
	// Beyond the size that is answered with 431, decoding itself costs too much.
	c.decoder.SetMaxStringLength(2 * s.options.MaxHeaderBytes)
	c.send.init()
	c.send.drained.L = &c.mu
	return c
}

// beginLocked sends our SETTINGS and starts the timer.
func (c *conn) beginLocked() {
	c.sendSettingsLocked()
	c.timers.next = c.timers.started.Add(c.server.options.HandshakeTimeout)
	if !c.timers.retires.IsZero() {
		c.timers.next = earlier(c.timers.next, c.timers.retires)
	}
	c.timers.timer = time.AfterFunc(time.Until(c.timers.next), c.onTimer)
}

// run serves the connection until it ends. ahead are bytes already read from it.
func (c *conn) run(ahead []byte) {
	c.recv.prepend(ahead)
	_ = c.nc.SetDeadline(time.Time{}) // clears the handshake's; a closed connection fails the next read
	c.terminate(c.readAll())
	// Handlers may still run; they hold no part of the connection's buffers.
	c.recv.release()
}

// idle reports whether no stream is open and no frame has begun, so that the receive buffer
// can be released while nothing arrives. Only the reader goroutine calls it.
func (c *conn) idle() bool {
	if c.inFrame {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) == 0
}

// startPending starts the handlers in toStart and wakes the bodies in toWake.
func (c *conn) startPending() {
	bodies := false
	for i, st := range c.toStart {
		c.toStart[i] = nil
		if st.aborted {
			c.dropUnstarted(st)
			continue
		}
		st.started = true
		bodies = bodies || !st.remoteClosed
		c.server.workers.do(st)
	}
	c.toStart = c.toStart[:0]
	if bodies {
		runtime.Gosched() // a handler that calls Read now receives the next bytes directly, without buffering
	}
	for i, st := range c.toWake {
		c.toWake[i] = nil
		st.wakeQueued = false
		st.body.wakeWaiting()
	}
	c.toWake = c.toWake[:0]
}

// dropUnstarted releases a request whose handler never starts.
func (c *conn) dropUnstarted(st *stream) {
	c.mu.Lock()
	c.handlers--
	c.mu.Unlock()
	st.cancel(errConnClosed)
	st.body.abandon()
}
