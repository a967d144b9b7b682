package load

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
	// window is the flow-control window of responses, per stream and per connection.
	window = 1 << 30
	// initialWindow is the default of both sides (RFC 9113, section 6.9.2).
	initialWindow = 65_535
	// bufferBytes is the size of the buffers for reading and writing.
	bufferBytes = 64 << 10
)

// connection is a connection to the server. One goroutine reads it; callers write, and
// block the reader meanwhile. So the server must keep reading while its writes block.
type connection struct {
	socket net.Conn
	reader reader

	mu      sync.Mutex // guards the fields below, and writing
	out     *bufio.Writer
	frames  *http2.Framer
	streams map[uint32]*stream
	next    uint32
	// blocked are the streams with data left to send, in their order.
	blocked []*stream
	// window and streamWindow are the bytes that the connection and each new stream may
	// send.
	window, streamWindow int64
	maxStreams           int
	maxFrame             uint32
	err                  error // why the connection ended; nil while it is open
}

// stream is a request in flight.
type stream struct {
	id      uint32
	done    Done
	left    []byte // unsent part of the body
	window  int64
	message []byte // received part of the response
	timer   *time.Timer
}

// dial opens a connection and waits for the server's settings.
func dial(ctx context.Context, address string) (*connection, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	c := &connection{
		socket: socket, out: bufio.NewWriterSize(socket, bufferBytes), streams: map[uint32]*stream{}, next: 1,
		window: initialWindow, streamWindow: initialWindow, maxStreams: 1, maxFrame: 16 << 10,
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

// handshake reads the server's settings, its first frame (RFC 9113, section 3.4).
func (c *connection) handshake() error {
	f, err := c.reader.frames.ReadFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return fmt.Errorf("the server's first frame is %v, want SETTINGS", f.Header())
	}
	c.maxStreams = 1 << 30 // unless the settings have a limit
	return c.onSettings(settings)
}

// send starts a request. It reports false when the connection has no room for another.
func (c *connection) send(r *Request, done Done) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || len(c.streams) >= c.maxStreams {
		return false
	}
	s := &stream{id: c.next, done: done, left: r.body, window: c.streamWindow}
	c.next += 2
	c.streams[s.id] = s
	if r.timeout > 0 {
		s.timer = time.AfterFunc(r.timeout, func() { c.expire(s) })
	}
	c.blocked = append(c.blocked, s)
	_ = c.frames.WriteHeaders(http2.HeadersFrameParam{StreamID: s.id, BlockFragment: r.headers, EndHeaders: true})
	c.pumpLocked()
	return true
}

// pumpLocked sends data of the blocked streams as far as the windows allow. A write error
// closes the socket, so that the reader ends the connection.
func (c *connection) pumpLocked() {
	c.blocked = slices.DeleteFunc(c.blocked, func(s *stream) bool {
		for len(s.left) > 0 {
			n := min(int64(len(s.left)), int64(c.maxFrame), c.window, s.window)
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
		_ = c.socket.Close()
	}
}

// removeLocked removes a stream, and reports whether it was open.
func (c *connection) removeLocked(id uint32) (*stream, bool) {
	s, open := c.streams[id]
	if !open {
		return nil, false
	}
	delete(c.streams, id)
	if s.timer != nil {
		s.timer.Stop()
	}
	if len(s.left) > 0 {
		c.blocked = slices.DeleteFunc(c.blocked, func(other *stream) bool { return other == s })
	}
	return s, true
}

// end ends a stream with its response or err.
func (c *connection) end(id uint32, err error) {
	c.mu.Lock()
	s, open := c.removeLocked(id)
	if open && len(s.left) > 0 { // the server answered without reading all of it
		_ = c.frames.WriteRSTStream(id, http2.ErrCodeNo)
		c.pumpLocked()
	}
	c.mu.Unlock()
	if !open {
		return
	}
	var response []byte
	if err == nil {
		response, err = message(s.message)
	}
	s.done(response, err)
}

// close closes the socket. The reader then ends the streams.
func (c *connection) close() { _ = c.socket.Close() }
