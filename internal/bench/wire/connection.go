package wire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

const (
	// window is how much of answers the server may send before it is told to go on, of a
	// request and of the connection.
	window = 1 << 30
	// initialWindow is what either side has by default (RFC 9113, section 6.9.2).
	initialWindow = 65_535
	// writeBuffer is how much is written at once.
	writeBuffer = 64 << 10
)

// connection is a connection to the server. One goroutine reads it, all others write. It
// is for servers that go on reading while they wait to write, as theirs is held up by
// whoever waits to write here.
type connection struct {
	socket net.Conn
	reader reader

	mu      sync.Mutex // guards what follows, and writing
	out     *bufio.Writer
	frames  *http2.Framer
	streams map[uint32]*stream
	next    uint32
	// held are the streams with something left to send, in their order.
	held []*stream
	// window is how much may be sent, streamWindow how much of each new stream, most how
	// many of these may be open, and frame the most of one frame.
	window, streamWindow int64
	most                 int
	frame                uint32
	err                  error // why it has ended; nil while it has not
}

// stream is a request that is under way.
type stream struct {
	id      uint32
	done    Done
	left    []byte // of its body
	window  int64
	message []byte // of the answer, so far
	timer   *time.Timer
}

// dial opens a connection, and returns when the server has said what it takes.
func dial(ctx context.Context, address string) (*connection, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &connection{
		socket: socket, out: bufio.NewWriterSize(socket, writeBuffer), streams: map[uint32]*stream{}, next: 1,
		window: initialWindow, streamWindow: initialWindow, most: 1, frame: 16 << 10,
	}
	c.frames = http2.NewFramer(c.out, nil)
	c.reader.start(socket)
	err = errors.Join(
		c.write([]byte(http2.ClientPreface)),
		c.frames.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}),
		c.frames.WriteWindowUpdate(0, window-initialWindow),
		c.out.Flush())
	if err == nil {
		err = c.handshake()
	}
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	go c.read()
	return c, nil
}

func (c *connection) write(p []byte) error {
	_, err := c.out.Write(p)
	return err
}

// handshake reads the server's settings, which come first (RFC 9113, section 3.4).
func (c *connection) handshake() error {
	f, err := c.reader.frames.ReadFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return fmt.Errorf("the server began with %v instead of its settings", f.Header())
	}
	c.most = 1 << 30 // without a bound of the server's
	return c.onSettings(settings)
}

// send begins a request, and reports whether there was room for it.
func (c *connection) send(r *Request, done Done) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || len(c.streams) >= c.most {
		return false
	}
	s := &stream{id: c.next, done: done, left: r.body, window: c.streamWindow}
	c.next += 2
	c.streams[s.id] = s
	if r.timeout > 0 {
		s.timer = time.AfterFunc(r.timeout, func() { c.expire(s) })
	}
	c.held = append(c.held, s)
	_ = c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: r.headers, EndHeaders: true})
	c.pump()
	return true
}

// pump sends of the held streams what the windows have room for. A failure to write is
// the reader's to see, too, who ends the connection. mu is held.
func (c *connection) pump() {
	c.held = slices.DeleteFunc(c.held, func(s *stream) bool {
		for len(s.left) > 0 {
			n := min(int64(len(s.left)), int64(c.frame), c.window, s.window)
			if n <= 0 {
				return false
			}
			_ = c.frames.WriteData(s.id, n == int64(len(s.left)), s.left[:n])
			s.left = s.left[n:]
			c.window -= n
			s.window -= n
		}
		return true
	})
	if err := c.out.Flush(); err != nil {
		_ = c.socket.Close() // so that the reader sees it
	}
}

// take ends a stream, and reports whether it had not ended before. mu is held.
func (c *connection) take(id uint32) (*stream, bool) {
	s, open := c.streams[id]
	if !open {
		return nil, false
	}
	delete(c.streams, id)
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.left) > 0 {
		c.held = slices.DeleteFunc(c.held, func(held *stream) bool { return held == s })
	}
	return s, true
}

// end ends a stream with its answer, or what there is instead.
func (c *connection) end(id uint32, err error) {
	c.mu.Lock()
	s, open := c.take(id)
	if open && len(s.left) > 0 { // which the server does not want any more
		_ = c.frames.WriteRSTStream(id, http2.ErrCodeNo)
		c.pump()
	}
	c.mu.Unlock()
	if !open {
		return
	}
	var answer []byte
	if err == nil {
		answer, err = message(s.message)
	}
	s.done(answer, err)
}

// close closes the connection, whose reader ends what is open.
func (c *connection) close() { _ = c.socket.Close() }
