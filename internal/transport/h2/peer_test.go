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

// bubble runs test against a server of handler in a bubble of synctest: time passes
// only where everything waits, so that limits show exactly.
func bubble(t *testing.T, srv *http.Server, options h2.Options, test func(t *testing.T, l *listener)) {
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
				t.Errorf("%d bytes are charged to bodies that are gone", held)
			}
		}()
		test(t, l)
	})
}

// listener is a net.Listener whose connections are pipes.
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

// dial returns a peer that has sent preface and SETTINGS, acknowledges the server's,
// and reads whatever comes.
func (l *listener) dial(t *testing.T, settings ...http2.Setting) *peer {
	t.Helper()
	p := l.raw(t)
	p.write(t, func() error { _, err := p.nc.Write([]byte(http2.ClientPreface)); return err })
	go p.readAll()
	p.write(t, func() error { return p.f.WriteSettings(settings...) })
	p.write(t, p.f.WriteSettingsAck)
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
	p.fields = hpack.NewEncoder(&p.encoded)
	p.fields = newEncoder(p)
	l.peers = append(l.peers, p)
	return p
}

// peer is a client that speaks frames, also such as no client should.
type peer struct {
	nc      net.Conn
	f       *http2.Framer
	fields  *hpack.Encoder
	encoded bytes.Buffer

	mu     sync.Mutex
	seen   []event
	bodies map[uint32]*bytes.Buffer
	ended  error
}

// event is a frame that came.
type event struct {
	kind   http2.FrameType
	id     uint32
	ack    bool
	ends   bool
	code   http2.ErrCode
	last   uint32
	grow   uint32
	status string
	fields map[string]string
	debug  string
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
			e.fields, e.ends = map[string]string{}, f.StreamEnded()
			for _, field := range f.Fields {
				e.fields[field.Name] = field.Value
			}
			e.status = e.fields[":status"]
		case *http2.DataFrame:
			e.ends = f.StreamEnded()
			if p.bodies[e.id] == nil {
				p.bodies[e.id] = &bytes.Buffer{}
			}
			p.bodies[e.id].Write(f.Data())
		case *http2.RSTStreamFrame:
			e.code = f.ErrCode
		case *http2.GoAwayFrame:
			e.code, e.last, e.debug = f.ErrCode, f.LastStreamID, string(f.DebugData())
		case *http2.WindowUpdateFrame:
			e.grow = f.Increment
		case *http2.PingFrame:
			e.ack = f.IsAck()
		case *http2.SettingsFrame:
			e.ack = f.IsAck()
		}
		p.seen = append(p.seen, e)
		p.mu.Unlock()
	}
}

func (p *peer) write(t *testing.T, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
}

// block encodes fields, given as name, value, name, value.
func (p *peer) block(fields ...string) []byte {
	p.encoded.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.fields.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(p.encoded.Bytes())
}

// request opens a stream.
func (p *peer) request(id uint32, ends bool, fields ...string) error {
	return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: ends, BlockFragment: p.block(fields...)})
}

func get(path string) []string {
	return []string{":method", "GET", ":scheme", "http", ":authority", "host", ":path", path}
}

func post(path string, more ...string) []string {
	return append([]string{":method", "POST", ":scheme", "http", ":authority", "host", ":path", path}, more...)
}

// settle waits until nothing moves, and returns the frames that came.
func (p *peer) settle() []event {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]event(nil), p.seen...)
}

// find returns the last frame of a kind, on a stream.
func (p *peer) find(kind http2.FrameType, id uint32) (event, bool) {
	events := p.settle()
	for _, e := range slices.Backward(events) {
		if e.kind == kind && e.id == id {
			return e, true
		}
	}
	return event{}, false
}

// over reports whether the connection has ended.
func (p *peer) over() bool {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended != nil
}

func (p *peer) wantReset(t *testing.T, id uint32, code http2.ErrCode) {
	t.Helper()
	if e, ok := p.find(http2.FrameRSTStream, id); !ok || e.code != code {
		t.Errorf("stream %d: RST_STREAM %v with %v, not with %v; %v", id, ok, e.code, code, p.settle())
	}
}

func (p *peer) wantGoAway(t *testing.T, code http2.ErrCode) event {
	t.Helper()
	e, ok := p.find(http2.FrameGoAway, 0)
	if !ok || e.code != code {
		t.Errorf("GOAWAY %v with %v (%s), not with %v", ok, e.code, e.debug, code)
	}
	if code != http2.ErrCodeNo && !p.over() {
		t.Error("the connection is still open")
	}
	return e
}

func (p *peer) wantStatus(t *testing.T, id uint32, status string) {
	t.Helper()
	if e, ok := p.find(http2.FrameHeaders, id); !ok || e.status != status {
		t.Errorf("stream %d: answer %v %q, not %s; %v", id, ok, e.status, status, p.settle())
	}
}

func (p *peer) wantAlive(t *testing.T) {
	t.Helper()
	if e, ok := p.find(http2.FrameGoAway, 0); ok || p.over() {
		t.Errorf("the connection has ended: %v, %+v", p.ended, e)
	}
}

// body returns what has come of the first stream's answer.
func (p *peer) body() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.bodies[1]; b != nil {
		return b.String()
	}
	return ""
}

// repeat does something until it fails or n times, and returns how often it went well.
func repeat(n int, do func(i int) error) int {
	for i := range n {
		if err := do(i); err != nil {
			return i
		}
	}
	return n
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func long(n int) string { return strings.Repeat("x", n) }

// id is the i-th stream of a client, from 0.
func id(i int) uint32 { return uint32(2*i + 1) }

func newEncoder(p *peer) *hpack.Encoder { return hpack.NewEncoder(&p.encoded) }
