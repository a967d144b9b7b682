package h2_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// inBubble runs test against srv in a synctest bubble: time passes only while everything
// waits, so that timeouts are exact.
func inBubble(t *testing.T, srv *http.Server, options h2.Options, test func(t *testing.T, l *listener)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
		l.server = h2.Configure(srv, options)
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		defer func() {
			for _, p := range l.peers {
				_ = p.nc.Close()
			}
			if err := srv.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			if err := l.server.Shutdown(context.Background()); err != nil {
				t.Errorf("shutdown of HTTP/2: %v", err)
			}
			if err := <-served; !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
			synctest.Wait()
			if held := l.server.Buffered(); held != 0 {
				t.Errorf("%d bytes are charged to closed bodies", held)
			}
		}()
		test(t, l)
	})
}

// listener is a net.Listener of in-memory connections.
type listener struct {
	server *h2.Server
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
	peers  []*peer
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// dial returns a peer that has sent the preface and SETTINGS, acknowledges the server's
// SETTINGS, and reads everything.
func (l *listener) dial(t *testing.T, settings ...http2.Setting) *peer {
	t.Helper()
	p := l.raw(t)
	p.mustDo(t, func() error { _, err := p.nc.Write([]byte(http2.ClientPreface)); return err })
	go p.readAll()
	p.mustDo(t, func() error { return p.f.WriteSettings(settings...) })
	p.mustDo(t, p.f.WriteSettingsAck)
	synctest.Wait()
	return p
}

// raw returns a peer that has sent nothing and reads nothing.
func (l *listener) raw(*testing.T) *peer {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	p := &peer{nc: ours, f: http2.NewFramer(ours, ours), bodies: map[uint32]*bytes.Buffer{}}
	p.f.AllowIllegalWrites = true
	p.f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.encoder = hpack.NewEncoder(&p.encoded)
	p.encoder = newEncoder(p)
	l.peers = append(l.peers, p)
	return p
}

// peer is a client at the level of frames, including illegal ones.
type peer struct {
	nc      net.Conn
	f       *http2.Framer
	encoder *hpack.Encoder
	encoded bytes.Buffer

	mu     sync.Mutex
	seen   []event
	bodies map[uint32]*bytes.Buffer
	ended  error
}

// event is a received frame.
type event struct {
	kind      http2.FrameType
	id        uint32
	ack       bool
	endStream bool
	code      http2.ErrCode
	last      uint32
	increment uint32
	status    string
	fields    map[string]string
	debug     string
}

func (p *peer) readAll() {
	for {
		f, err := p.f.ReadFrame()
		p.mu.Lock()
		if err != nil {
			p.ended = err
			p.mu.Unlock()
			return
		}
		e := event{kind: f.Header().Type, id: f.Header().StreamID}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			e.fields, e.endStream = map[string]string{}, f.StreamEnded()
			for _, field := range f.Fields {
				e.fields[field.Name] = field.Value
			}
			e.status = e.fields[":status"]
		case *http2.DataFrame:
			e.endStream = f.StreamEnded()
			if p.bodies[e.id] == nil {
				p.bodies[e.id] = &bytes.Buffer{}
			}
			p.bodies[e.id].Write(f.Data())
		case *http2.RSTStreamFrame:
			e.code = f.ErrCode
		case *http2.GoAwayFrame:
			e.code, e.last, e.debug = f.ErrCode, f.LastStreamID, string(f.DebugData())
		case *http2.WindowUpdateFrame:
			e.increment = f.Increment
		case *http2.PingFrame:
			e.ack = f.IsAck()
		case *http2.SettingsFrame:
			e.ack = f.IsAck()
		}
		p.seen = append(p.seen, e)
		p.mu.Unlock()
	}
}

func (p *peer) mustDo(t *testing.T, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
}

// encodeBlock encodes fields, given as name, value, name, value.
func (p *peer) encodeBlock(fields ...string) []byte {
	p.encoded.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(p.encoded.Bytes())
}

// request sends HEADERS.
func (p *peer) request(id uint32, ends bool, fields ...string) error {
	return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: ends, BlockFragment: p.encodeBlock(fields...)})
}

func get(path string) []string {
	return []string{":method", "GET", ":scheme", "http", ":authority", "host", ":path", path}
}

func post(path string, more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":authority", "host", ":path", path}, more...)
}

// waitIdle waits until all goroutines wait, and returns the received frames.
func (p *peer) waitIdle() []event {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]event(nil), p.seen...)
}

// find returns the latest frame of a kind on a stream.
func (p *peer) find(kind http2.FrameType, id uint32) (event, bool) {
	events := p.waitIdle()
	for _, e := range slices.Backward(events) {
		if e.kind == kind && e.id == id {
			return e, true
		}
	}
	return event{}, false
}

// isClosed reports whether the connection has ended.
func (p *peer) isClosed() bool {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended != nil
}

func (p *peer) wantReset(t *testing.T, id uint32, code http2.ErrCode) {
	t.Helper()
	if e, ok := p.find(http2.FrameRSTStream, id); !ok || e.code != code {
		t.Errorf("stream %d: RST_STREAM %v with %v, want %v; %v", id, ok, e.code, code, p.waitIdle())
	}
}

func (p *peer) wantGoAway(t *testing.T, code http2.ErrCode) event {
	t.Helper()
	e, ok := p.find(http2.FrameGoAway, 0)
	if !ok || e.code != code {
		t.Errorf("GOAWAY %v with %v (%s), want %v", ok, e.code, e.debug, code)
	}
	if code != http2.ErrCodeNo && !p.isClosed() {
		t.Error("the connection is still open")
	}
	return e
}

func (p *peer) wantStatus(t *testing.T, id uint32, status string) {
	t.Helper()
	if e, ok := p.find(http2.FrameHeaders, id); !ok || e.status != status {
		t.Errorf("stream %d: response %v %q, want %s; %v", id, ok, e.status, status, p.waitIdle())
	}
}

func (p *peer) wantAlive(t *testing.T) {
	t.Helper()
	if e, ok := p.find(http2.FrameGoAway, 0); ok || p.isClosed() {
		t.Errorf("the connection has ended: %v, %+v", p.ended, e)
	}
}

// body returns the received body of the first stream's response.
func (p *peer) body() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.bodies[1]; b != nil {
		return b.String()
	}
	return ""
}

// repeat calls do up to n times, until it fails, and returns the number of successful
// calls.
func repeat(n int, do func(i int) error) int {
	for i := range n {
		if err := do(i); err != nil {
			return i
		}
	}
	return n
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func longValue(n int) string { return strings.Repeat("x", n) }

// streamID returns the ID of a client's i-th stream, from 0.
func streamID(i int) uint32 { return uint32(2*i + 1) }

func newEncoder(p *peer) *hpack.Encoder { return hpack.NewEncoder(&p.encoded) }
