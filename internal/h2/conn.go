package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
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
	block  headerBlock
	// starting are requests whose handlers start, and waking streams whose handlers
	// wake, when the receive buffer is empty.
	starting, waking []*stream
	flood            flood
	gotSettings      bool
	canonical        map[string]string

	// lastRead is when the peer was last heard, in nanoseconds since 1970.
	lastRead atomic.Int64
	// credit counts bytes that handlers have consumed and the peer was not told of.
	credit atomic.Int64

	mu      sync.Mutex
	streams map[uint32]*stream
	// lastID is the highest stream that the peer has opened.
	lastID uint32
	// handlers counts those that run, also for streams that are gone.
	handlers int
	out      sender
	peer     peerSettings
	// unacked counts our SETTINGS that the peer has not acknowledged.
	unacked  bool
	draining drainState
	closed   error // why the connection ended; nil while it serves
	timer    *time.Timer
	pinged   time.Time // when the peer was asked for a sign of life; zero when not
	began    time.Time
	idleFrom time.Time
}

// peerSettings are the peer's SETTINGS that matter to what is sent.
type peerSettings struct {
	initialWindow int64
	maxFrame      int
}

func newConn(s *Server, nc net.Conn, handler http.Handler, parent context.Context, state *tls.ConnectionState) *conn { //nolint:revive // the context is the connection's parent, not this call's
	c := &conn{
		server: s, nc: nc, handler: handler, tls: state, remote: nc.RemoteAddr().String(),
		streams: map[uint32]*stream{}, began: time.Now(),
		peer: peerSettings{initialWindow: initialWindow, maxFrame: minFrameSize},
	}
	c.idleFrom = c.began
	c.ctx, c.cancel = context.WithCancelCause(parent)
	c.in.init(nc)
	c.fields = hpack.NewDecoder(headerTableSize, nil)
	c.fields.SetMaxStringLength(s.options.MaxHeaderBytes)
	c.out.init()
	c.out.drained.L = &c.mu
	return c
}

var errConnClosed = errors.New("h2: the connection is closed")

// run serves the connection until it ends. ahead is what was read of it already.
func (c *conn) run(ahead []byte) {
	c.in.give(ahead)
	_ = c.nc.SetDeadline(time.Time{}) // the handshake's; a connection that is closed says so when it is read
	c.mu.Lock()
	c.sendSettings()
	c.timer = time.AfterFunc(c.server.options.HandshakeTimeout, c.tick)
	c.mu.Unlock()
	err := c.readAll()
	c.end(err)
	// Handlers may still run; they hold no part of the connection's buffers.
	c.in.release()
}

// readAll acts on frames until the connection ends, and returns why it does.
func (c *conn) readAll() error {
	for {
		header, err := c.peek(frameHeaderSize)
		if err != nil {
			return err
		}
		f := parseFrame(header)
		c.in.discard(frameHeaderSize)
		err = c.checkFrame(f)
		if err == nil {
			err = c.act(f)
		}
		if se, ok := errors.AsType[streamError](err); ok {
			c.resetStream(se.id, se.code)
			err = c.flood.spend(costReset)
		}
		if err != nil {
			return err
		}
	}
}

// peek returns the next n bytes of the connection, and waits for them; n is not more
// than the receive buffer's size.
func (c *conn) peek(n int) ([]byte, error) {
	for c.in.buffered() < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	return c.in.next(n), nil
}

// fill waits for the network, after all that was set going is going.
func (c *conn) fill() error {
	c.release()
	err := c.in.fill(c.idle)
	now := time.Now()
	c.lastRead.Store(now.UnixNano())
	c.flood.refill(now)
	return err
}

// idle reports whether no request is open, so that the receive buffer can be given
// back while nothing comes.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams) == 0
}

// release starts the handlers and wakes the bodies that were set aside.
func (c *conn) release() {
	for i, st := range c.starting {
		c.server.workers.do(st)
		c.starting[i] = nil
	}
	c.starting = c.starting[:0]
	for i, st := range c.waking {
		st.body.wake()
		c.waking[i] = nil
	}
	c.waking = c.waking[:0]
}

// checkFrame reports what is wrong with a frame's header, whatever its type.
func (c *conn) checkFrame(f frame) error {
	if f.length > int(c.server.options.MaxFrameSize) {
		return connError{codeFrameSize, "a frame is larger than SETTINGS_MAX_FRAME_SIZE"}
	}
	if !c.gotSettings && (f.kind != frameSettings || f.has(flagAck)) {
		return connError{codeProtocol, "the first frame is not SETTINGS"}
	}
	if c.block.open && (f.kind != frameContinuation || f.id != c.block.id) {
		return connError{codeProtocol, "a header block is interrupted"}
	}
	return nil
}

// act acts on a frame, whose header has been read.
func (c *conn) act(f frame) error {
	switch f.kind {
	case frameData:
		return c.onData(f)
	case frameHeaders:
		return c.onHeaders(f)
	case frameContinuation:
		return c.onContinuation(f)
	case framePriority:
		return c.onPriority(f)
	case frameReset:
		return c.onReset(f)
	case frameSettings:
		return c.onSettings(f)
	case framePush:
		return connError{codeProtocol, "a client sends PUSH_PROMISE"}
	case framePing:
		return c.onPing(f)
	case frameGoAway:
		return c.onGoAway(f)
	case frameWindow:
		return c.onWindow(f)
	}
	// Unknown types are ignored (RFC 9113, 4.1).
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return c.skip(f.length)
}

// skip reads n bytes and forgets them.
func (c *conn) skip(n int) error {
	for n > 0 {
		chunk, err := c.chunk(n)
		if err != nil {
			return err
		}
		n -= len(chunk)
	}
	return nil
}

// chunk takes what there is of the next n bytes, and waits where there is nothing. It
// is valid until the next call that reads.
func (c *conn) chunk(n int) ([]byte, error) {
	if c.in.buffered() == 0 {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	n = min(n, c.in.buffered())
	b := c.in.next(n)
	c.in.discard(n)
	return b, nil
}

// payload returns the payload of a frame of a fixed or small length, valid until the
// next call that reads.
func (c *conn) payload(f frame) ([]byte, error) {
	if f.length > maxSmallFrame {
		return nil, connError{codeEnhanceCalm, "a control frame is too large"}
	}
	b, err := c.peek(f.length)
	c.in.discard(len(b))
	return b, err
}

// maxSmallFrame bounds frames that are read whole: it holds 680 settings.
const maxSmallFrame = 4 << 10

// end ends the connection: it tells the peer why, as far as the peer can still be
// told, and every handler by its context and body.
func (c *conn) end(why error) {
	ce, tell := errors.AsType[connError](why)
	c.mu.Lock()
	c.timer.Stop()
	if c.closed == nil {
		c.closed = why
	} else {
		tell = false // it has been told
	}
	streams := make([]*stream, 0, len(c.streams))
	for _, st := range c.streams {
		streams = append(streams, st)
		st.dead = errConnClosed
		c.out.unqueue(st)
		st.sent.Broadcast()
	}
	clear(c.streams)
	c.handlers -= len(c.starting) // which have not started, and never do
	c.starting = nil
	if tell {
		c.out.goAway(c.lastID, ce.code, ce.reason)
		c.armWriter()
		// A peer that does not read is not waited for long.
		_ = c.nc.SetWriteDeadline(time.Now().Add(lingerTime)) // it is closed in any case
		c.out.allowed = time.Now().Add(time.Hour)
	} else {
		c.out.dead = true
	}
	c.out.drained.Broadcast()
	c.mu.Unlock()
	c.cancel(errConnClosed)
	for _, st := range streams {
		st.body.fail(io.ErrUnexpectedEOF)
		st.body.wake()
	}
	if tell {
		c.linger()
	}
	_ = c.nc.Close() // nobody is left to tell
}

const lingerTime = time.Second

// linger waits for the writer, and then reads on for a moment: closing a connection
// with unread bytes resets it, and the peer might lose the GOAWAY.
func (c *conn) linger() {
	c.mu.Lock()
	for c.out.writing {
		c.out.drained.Wait()
	}
	c.out.dead = true
	c.mu.Unlock()
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(lingerTime / 10))
	_, _ = io.CopyN(io.Discard, c.nc, 1<<20)
}
