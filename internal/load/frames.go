package load

import (
	"bufio"
	"fmt"
	"net"
	"strconv"

	"connectrpc.com/connect/v2"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// reader reads the frames of a connection.
type reader struct {
	frames *http2.Framer
	// unacknowledged are the bytes received since the last WINDOW_UPDATE.
	unacknowledged uint32
}

func (r *reader) start(socket net.Conn) {
	r.frames = http2.NewFramer(nil, bufio.NewReaderSize(socket, bufferBytes))
	r.frames.SetReuseFrames()
	r.frames.ReadMetaHeaders = hpack.NewDecoder(4096, nil) // the default table size
}

// read reads frames until the connection ends, and then ends the open streams.
func (c *connection) read() {
	var err error
	for err == nil {
		var f http2.Frame
		if f, err = c.reader.frames.ReadFrame(); err == nil {
			err = c.on(f)
		}
	}
	_ = c.socket.Close()
	c.mu.Lock()
	c.err = err
	open := c.streams
	c.streams, c.blocked = nil, nil
	c.mu.Unlock()
	for _, s := range open {
		if s.timer != nil {
			s.timer.Stop()
		}
		s.done(nil, fmt.Errorf("the connection ended: %w", err))
	}
}

// on handles a frame. An error ends the connection.
func (c *connection) on(f http2.Frame) error {
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		if f.StreamEnded() {
			c.end(f.StreamID, status(f))
		}
	case *http2.DataFrame:
		return c.onData(f)
	case *http2.RSTStreamFrame:
		c.end(f.StreamID, &StatusError{Code: connect.CodeInternal, Message: "the stream was reset: " + f.ErrCode.String()})
	case *http2.SettingsFrame:
		if !f.IsAck() {
			return c.onSettings(f)
		}
	case *http2.WindowUpdateFrame:
		c.onWindow(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			c.mu.Lock()
			defer c.mu.Unlock()
			_ = c.frames.WritePing(true, f.Data)
			return c.out.Flush()
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server sent GOAWAY: %s %q", f.ErrCode, f.DebugData())
	}
	return nil
}

func (c *connection) onSettings(f *http2.SettingsFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = f.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingMaxConcurrentStreams:
			c.maxStreams = int(s.Val)
		case http2.SettingMaxFrameSize:
			c.maxFrame = s.Val
		case http2.SettingInitialWindowSize:
			for _, open := range c.streams {
				open.window += int64(s.Val) - c.streamWindow
			}
			c.streamWindow = int64(s.Val)
		}
		return nil
	})
	err := c.frames.WriteSettingsAck()
	c.pumpLocked()
	return err
}

func (c *connection) onWindow(f *http2.WindowUpdateFrame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		c.window += int64(f.Increment)
	} else if s, open := c.streams[f.StreamID]; open {
		s.window += int64(f.Increment)
	}
	if len(c.blocked) > 0 {
		c.pumpLocked()
	}
}

func (c *connection) onData(f *http2.DataFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s, open := c.streams[f.StreamID]; open {
		s.message = append(s.message, f.Data()...)
	}
	c.reader.unacknowledged += f.Length
	if c.reader.unacknowledged < window/2 {
		return nil
	}
	err := c.frames.WriteWindowUpdate(0, c.reader.unacknowledged)
	c.reader.unacknowledged = 0
	c.pumpLocked()
	return err
}

// expire resets a stream whose timeout has passed.
func (c *connection) expire(s *stream) {
	c.mu.Lock()
	_, open := c.removeLocked(s.id)
	if open {
		_ = c.frames.WriteRSTStream(s.id, http2.ErrCodeCancel)
		c.pumpLocked()
	}
	c.mu.Unlock()
	if open {
		s.done(nil, &StatusError{Code: connect.CodeDeadlineExceeded, Message: "no response within the timeout"})
	}
}

// status returns the gRPC status in trailers; nil for OK (gRPC over HTTP/2, Trailers).
func status(f *http2.MetaHeadersFrame) error {
	var code, text string
	pushback := false
	for _, field := range f.RegularFields() {
		switch field.Name {
		case "grpc-status":
			code = field.Value
		case "grpc-message":
			text = field.Value
		case "grpc-retry-pushback-ms":
			pushback = true
		}
	}
	if code == "0" {
		return nil
	}
	number, err := strconv.ParseUint(code, 10, 32)
	if err != nil {
		return &StatusError{Code: connect.CodeUnknown, Message: fmt.Sprintf("the trailers have grpc-status %q, want a number", code)}
	}
	return &StatusError{Code: connect.Code(number), Message: text, Pushback: pushback}
}

// message returns the only message of a response body.
func message(body []byte) ([]byte, error) {
	if len(body) >= envelope.PrefixSize {
		prefix, response := (*envelope.Prefix)(body), body[envelope.PrefixSize:]
		if prefix.Flags() == 0 && prefix.Size() == int64(len(response)) {
			return response, nil
		}
	}
	return nil, &StatusError{Code: connect.CodeInternal, Message: fmt.Sprintf("a response body of %d bytes is not one uncompressed message", len(body))}
}
