package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// sender sends one message over HTTP/2 as fast as the windows allow, whether it is answered or not.
type sender struct {
	f  *http2.Framer
	mu sync.Mutex
	// windowed is signaled when a window has grown or the stream has ended.
	windowed     *sync.Cond
	stream, conn int
	sent         int // bytes of DATA
	sentAtAnswer int
	answered     bool
	ended        error
}

func newSender(t *testing.T, address string, fields ...string) *sender {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	s := &sender{f: http2.NewFramer(nc, nc), stream: 65_535, conn: 65_535}
	s.windowed = sync.NewCond(&s.mu)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	fields = append([]string{":method", "POST", ":scheme", "http", ":authority", "x", ":path", "/modelserving.Predictor/FastPredict"}, fields...)
	for i := 0; i < len(fields); i += 2 {
		_ = encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}) // writes to memory
	}
	_, err = io.WriteString(nc, http2.ClientPreface)
	err = errors.Join(err, s.f.WriteSettings(), s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block.Bytes()}))
	if err != nil {
		t.Fatal(err)
	}
	go s.read()
	return s
}

func (s *sender) read() {
	for {
		frame, err := s.f.ReadFrame()
		s.mu.Lock()
		switch f := frame.(type) {
		case *http2.SettingsFrame:
			if window, ok := f.Value(http2.SettingInitialWindowSize); ok {
				s.stream += int(window) - 65_535
			}
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				s.conn += int(f.Increment)
			} else {
				s.stream += int(f.Increment)
			}
		case *http2.HeadersFrame:
			if !s.answered {
				s.answered, s.sentAtAnswer = true, s.sent
			}
		case *http2.RSTStreamFrame:
			err = http2.StreamError{StreamID: f.StreamID, Code: f.ErrCode}
		}
		if err != nil && s.ended == nil {
			s.ended = err
		}
		s.windowed.Broadcast()
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// send sends a body to its end, and returns the error that ended the stream before.
func (s *sender) send(body []byte) error {
	for len(body) > 0 {
		s.mu.Lock()
		for (s.stream <= 0 || s.conn <= 0) && s.ended == nil {
			s.windowed.Wait()
		}
		n := min(len(body), 16<<10, s.stream, s.conn)
		err := s.ended
		s.stream, s.conn, s.sent = s.stream-n, s.conn-n, s.sent+n
		s.mu.Unlock()
		if err == nil {
			err = s.f.WriteData(1, n == len(body), body[:n])
		}
		if err != nil {
			return err
		}
		body = body[n:]
	}
	return nil
}

// A client that accepts no response before it has sent most of a message is answered then, for each
// way in which a message declares its length, and may send the rest (RFC 9113, section 8.1).
func TestRejectedMessagesAreDroppedFirst(t *testing.T) {
	const size, unsent = 60 << 20, 8 << 20
	enveloped := append(binary.BigEndian.AppendUint32([]byte{0}, size), make([]byte, size)...)
	reserved := admission.New(100 * mb)
	reserved.TryReserve(100 * mb)
	for reason, options := range map[string]server.Options{
		"too large": {MaxMessageBytes: 16 << 20},
		"no room":   {Budget: reserved},
	} {
		address, _ := start(t, options)
		for name, test := range map[string]struct {
			fields []string
			body   []byte
		}{
			"gRPC":           {fields: []string{"content-type", "application/grpc"}, body: enveloped},
			"content-length": {fields: []string{"content-type", "application/proto", "content-length", strconv.Itoa(size)}, body: enveloped[5:]},
			"unknown length": {fields: []string{"content-type", "application/proto"}, body: enveloped[5:]},
		} {
			s := newSender(t, address, test.fields...)
			if err := s.send(test.body); err != nil {
				t.Errorf("%s, %s: after %d bytes: %v", reason, name, s.sent, err)
			}
			s.mu.Lock()
			for !s.answered && s.ended == nil {
				s.windowed.Wait()
			}
			if !s.answered || s.sentAtAnswer < size-unsent {
				t.Errorf("%s, %s: answered %v after %d bytes, %v", reason, name, s.answered, s.sentAtAnswer, s.ended)
			}
			s.mu.Unlock()
		}
	}
}
