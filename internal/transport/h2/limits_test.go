package h2_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

func waitForCancel(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestHandshakeTimeout(t *testing.T) {
	inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
		silent := l.raw(t)
		_, _ = silent.nc.Write([]byte(http2.ClientPreface)[:18]) // the request "PRI *" alone
		noSettings := l.raw(t)
		_, _ = noSettings.nc.Write([]byte(http2.ClientPreface))
		go noSettings.readAll()
		unacked := l.raw(t)
		_, _ = unacked.nc.Write([]byte(http2.ClientPreface))
		go unacked.readAll()
		unacked.mustDo(t, func() error { return unacked.f.WriteSettings() })
		time.Sleep(9 * time.Second)
		if noSettings.isClosed() || unacked.isClosed() {
			t.Error("the connection ended early")
		}
		time.Sleep(3 * time.Second)
		go silent.readAll()
		if !silent.isClosed() {
			t.Error("a connection without a complete preface is still open")
		}
		noSettings.wantGoAway(t, http2.ErrCodeSettingsTimeout)
		unacked.wantGoAway(t, http2.ErrCodeSettingsTimeout)
	})
}

func TestIdleTimeout(t *testing.T) {
	srv := serverOf(respondOK)
	srv.IdleTimeout = 10 * time.Second
	inBubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		time.Sleep(8 * time.Second)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(8 * time.Second)
		p.wantAlive(t)
		p.wantStatus(t, 1, "200")
		time.Sleep(3 * time.Second)
		if p.wantGoAway(t, http2.ErrCodeNo).last != 1 || !p.isClosed() {
			t.Error("the idle connection is still open")
		}
	})
}

func TestPingTimeout(t *testing.T) {
	var ended atomic.Bool
	handler := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended.Store(true)
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t) // it acknowledges no PING
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(44 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		if !p.isClosed() || !ended.Load() {
			t.Error("the connection of a dead peer is still open")
		}
	})
}

func TestPingAcknowledgmentsKeepConnections(t *testing.T) {
	inBubble(t, serverOf(waitForCancel), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		for range 20 {
			time.Sleep(31 * time.Second)
			if e, ok := p.find(http2.FramePing, 0); !ok || e.ack {
				t.Fatal("no PING")
			}
			p.mustDo(t, func() error { return p.f.WritePing(true, [8]byte{}) })
		}
		p.wantAlive(t)
	})
}

// A client that reads slowly and rarely sends WINDOW_UPDATE is silent for long. PING is
// queued behind the data that it has yet to read.
func TestPingTimeoutSparesSlowReaders(t *testing.T) {
	const size = 4 << 20
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dialUnread(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(0, 1<<30) })
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		for got := 0; got < size; {
			time.Sleep(time.Second / 2) // 32 KiB per second: two minutes
			f, err := p.f.ReadFrame()
			if err != nil {
				t.Fatalf("connection ended after %d bytes: %v", got, err)
			}
			if data, ok := f.(*http2.DataFrame); ok {
				got += len(data.Data())
			}
		}
		go p.readAll()
		p.wantAlive(t)
	})
}

// A peer that does not read loses its connection, and the handler's Write fails.
func TestWriteTimeoutEndsUnreadConnections(t *testing.T) {
	result := make(chan error, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				result <- err
				return
			}
		}
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		result = make(chan error, 1)
		p := l.raw(t)
		_, _ = p.nc.Write([]byte(http2.ClientPreface))
		stop := make(chan struct{})
		go func() { // reads SETTINGS, their acknowledgment and WINDOW_UPDATE only
			defer close(stop)
			for range 3 {
				_, _ = p.f.ReadFrame()
			}
		}()
		p.mustDo(t, func() error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		})
		p.mustDo(t, p.f.WriteSettingsAck)
		<-stop
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(0, 1<<30) })
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		begin := time.Now()
		if err := <-result; err == nil {
			t.Error("no error")
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("ended after %v", took)
		}
		synctest.Wait()
		if l.server.Conns() != 0 {
			t.Error("the connection is still open")
		}
	})
}

// A peer that reads, but keeps the window of a stream or of the connection closed, or
// nearly so.
func TestWriteTimeoutResetsStalledStreams(t *testing.T) {
	result := make(chan error, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, 1<<20))
		result <- err
	}
	small := http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}
	large := http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30}
	for name, test := range map[string]struct {
		setting http2.Setting
		stream  uint32
		step    uint32
	}{
		"stream":             {setting: small, stream: 1, step: 0},
		"connection":         {setting: large, stream: 0, step: 0},
		"stream, 1 byte":     {setting: small, stream: 1, step: 1},
		"connection, 1 byte": {setting: large, stream: 0, step: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				result = make(chan error, 1)
				p := l.dial(t, test.setting)
				p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
				var err error
				for range 200 {
					time.Sleep(time.Second)
					if test.step > 0 {
						p.mustDo(t, func() error { return p.f.WriteWindowUpdate(test.stream, test.step) })
					} else {
						p.mustDo(t, func() error { return p.f.WritePing(true, [8]byte{}) })
					}
					select {
					case err = <-result:
					default:
						continue
					}
					break
				}
				if err == nil {
					t.Error("the handler is still waiting")
				}
				p.wantReset(t, 1, http2.ErrCodeCancel)
				p.wantAlive(t)
			})
		})
	}
}

// 20 KB per minute exceeds the minimum transfer rate.
func TestMinimumTransferRate(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 200_000)) }
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		for range 12 * 50 {
			time.Sleep(time.Second)
			_ = firstError(p.f.WriteWindowUpdate(1, 340), p.f.WriteWindowUpdate(0, 340))
		}
		if p.wantAlive(t); len(p.body()) != 200_000 {
			t.Errorf("received %d bytes", len(p.body()))
		}
	})
}

// RFC 9113, section 6.9.2: a window may become negative.
func TestNegativeWindow(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 10_000))
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(make([]byte, 100_000))
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		p.mustDo(t, func() error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}) })
		synctest.Wait()
		close(release)
		if got := len(p.body()); got != 10_000 {
			t.Errorf("received %d bytes through a closed window, want 10000", got)
		}
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(0, 200_000) })
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(1, 200_000) })
		if got := len(p.body()); got != 110_000 {
			t.Errorf("received %d bytes", got)
		}
		p.wantAlive(t)
	})
}

func TestWindowOverflow(t *testing.T) {
	inBubble(t, serverOf(waitForCancel), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(0, 1<<31-1) })
		p.wantGoAway(t, http2.ErrCodeFlowControl)
		p = l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(1, 1<<31-1) })
		p.wantReset(t, 1, http2.ErrCodeFlowControl)
		p.wantAlive(t)
		p.mustDo(t, func() error { return p.request(3, true, get("/")...) })
		p.mustDo(t, func() error { return p.f.WriteWindowUpdate(3, 1<<30) })
		p.mustDo(t, func() error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		})
		p.wantGoAway(t, http2.ErrCodeFlowControl)
	})
}

func TestReceiveWindows(t *testing.T) {
	options := h2.Options{StreamWindow: 100_000, ConnectionWindow: 300_000}
	inBubble(t, serverOf(waitForCancel), options, func(t *testing.T, l *listener) {
		p := l.dial(t)
		send := func(id uint32, n int) {
			for ; n > 0; n -= 10_000 {
				p.mustDo(t, func() error { return p.f.WriteData(id, false, make([]byte, min(n, 10_000))) })
			}
		}
		for i := range 4 {
			p.mustDo(t, func() error { return p.request(streamID(i), false, post("/")...) })
		}
		send(1, 100_000)
		if p.wantAlive(t); l.server.Buffered() < 100_000 {
			t.Errorf("%d bytes are buffered", l.server.Buffered())
		}
		send(1, 1)
		p.wantReset(t, 1, http2.ErrCodeFlowControl)
		if l.server.Buffered() != 0 {
			t.Errorf("%d bytes are buffered for a reset stream", l.server.Buffered())
		}
		send(3, 100_000)
		send(5, 100_000)
		p.wantAlive(t)
		// The reset stream has returned 100,001 bytes, more than a quarter of the window.
		send(7, 100_000)
		if p.wantAlive(t); l.server.Buffered() > 600_000 {
			t.Errorf("%d bytes are buffered", l.server.Buffered())
		}
		p.mustDo(t, func() error { return p.request(9, false, post("/")...) })
		send(9, 1)
		p.wantGoAway(t, http2.ErrCodeFlowControl)
	})
}

// However a stream ends, the connection's window must be returned, or a legitimate client
// would wait forever.
func TestConnectionWindowIsAlwaysReturned(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 10_000)
		switch r.URL.Path {
		case "/half":
			_, _ = io.ReadFull(r.Body, buf)
		case "/close":
			r.Body.Close()
		case "/panic":
			panic(http.ErrAbortHandler)
		case "/wait":
			<-r.Context().Done()
		case "/respond":
			_, _ = io.WriteString(w, "no need")
		}
	}
	for _, path := range []string{"/half", "/close", "/panic", "/wait", "/respond", "/reset", "/short"} {
		t.Run(path[1:], func(t *testing.T) {
			options := h2.Options{StreamWindow: 100_000, ConnectionWindow: 400_000}
			inBubble(t, serverOf(handler), options, func(t *testing.T, l *listener) {
				p := l.dial(t)
				window, seen := 400_000, 0
				for i := range 100 {
					fields := post(path)
					if path == "/short" {
						fields = post(path, "content-length", "15000")
					}
					p.mustDo(t, func() error { return p.request(streamID(i), false, fields...) })
					for range 4 {
						for events := p.waitIdle(); seen < len(events); seen++ {
							if e := events[seen]; e.kind == http2.FrameWindowUpdate && e.id == 0 {
								window += int(e.increment)
							}
						}
						if window -= 5000; window < 0 {
							t.Fatalf("the window is exhausted at stream %d", i)
						}
						p.mustDo(t, func() error { return p.f.WriteDataPadded(streamID(i), false, make([]byte, 4900), make([]byte, 99)) })
					}
					if path == "/wait" {
						p.mustDo(t, func() error { return p.f.WriteRSTStream(streamID(i), http2.ErrCodeCancel) })
					}
				}
				p.wantAlive(t)
			})
		})
	}
}

// MaxBufferedBytes bounds the buffered bodies of all connections, by the memory they take.
func TestMaxBufferedBytes(t *testing.T) {
	inBubble(t, serverOf(waitForCancel), h2.Options{MaxBufferedBytes: 1 << 20}, func(t *testing.T, l *listener) {
		refused := 0
		for range 20 {
			p := l.dial(t)
			for i := range 10 {
				_ = firstError(p.request(streamID(i), false, post("/")...), p.f.WriteData(streamID(i), false, make([]byte, 16_000)))
			}
			if held := l.server.Buffered(); held > 1<<20 {
				t.Errorf("%d bytes are buffered", held)
			}
			for _, e := range p.waitIdle() {
				if e.kind == http2.FrameRSTStream && e.code == http2.ErrCodeEnhanceYourCalm {
					refused++
				}
			}
			p.wantAlive(t)
		}
		if refused == 0 || refused == 200 {
			t.Errorf("%d of 200 streams were refused", refused)
		}
		for _, p := range l.peers {
			_ = p.nc.Close()
		}
		if synctest.Wait(); l.server.Buffered() != 0 {
			t.Errorf("%d bytes are charged to closed connections", l.server.Buffered())
		}
	})
}

// A connection may end before the handler of its last request has started.
func TestUnstartedRequestsReleaseTheirBodies(t *testing.T) {
	inBubble(t, serverOf(waitForCancel), h2.Options{}, func(t *testing.T, l *listener) {
		for range 10 {
			p := l.dial(t)
			var all strings.Builder
			f := http2.NewFramer(&all, nil)
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: p.encodeBlock(post("/")...)})
			_ = f.WriteData(1, false, make([]byte, 10_000))
			_ = f.WriteRawFrame(http2.FramePushPromise, 0, 1, nil)
			_, _ = p.nc.Write([]byte(all.String()))
			p.wantGoAway(t, http2.ErrCodeProtocol)
		}
		if held := l.server.Buffered(); held != 0 {
			t.Errorf("%d bytes are buffered", held)
		}
	})
}

// CONTINUATION flood, CVE-2023-45288: a header block that does not end.
func TestContinuationFlood(t *testing.T) {
	fragment := func(p *peer, n int) []byte { return p.encodeBlock("x-field", longValue(n)) }
	for name, next := range map[string]func(p *peer) []byte{
		"empty":  func(*peer) []byte { return nil },
		"1 byte": func(*peer) []byte { return []byte{0x82} },
		"large":  func(p *peer) []byte { return fragment(p, 16_000) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error {
					return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: p.encodeBlock(get("/")...)})
				})
				done := repeat(10_000, func(int) error { return p.f.WriteContinuation(1, false, next(p)) })
				if p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm); done > 200 {
					t.Errorf("%d frames were accepted", done)
				}
			})
		})
	}
	t.Run("slow", func(t *testing.T) {
		srv := serverOf(respondOK)
		srv.ReadHeaderTimeout = 5 * time.Second
		inBubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
			p := l.dial(t)
			p.mustDo(t, func() error {
				return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: p.encodeBlock(get("/")...)})
			})
			time.Sleep(4 * time.Second)
			p.mustDo(t, func() error { return p.f.WriteContinuation(1, true, nil) })
			p.wantStatus(t, 1, "200")
			p.mustDo(t, func() error {
				return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: p.encodeBlock(get("/")...)})
			})
			repeat(10, func(int) error {
				time.Sleep(time.Second)
				return p.f.WriteContinuation(3, false, p.encodeBlock("x-field", "x"))
			})
			p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		})
	})
}

func TestMaxHeaderBytes(t *testing.T) {
	srv := serverOf(respondOK)
	srv.MaxHeaderBytes = 8 << 10
	inBubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, append(get("/"), "x", longValue(6<<10))...) })
		p.wantStatus(t, 1, "200")
		p.mustDo(t, func() error { return p.request(3, true, append(get("/"), "x", longValue(9<<10))...) })
		p.wantStatus(t, 3, "431")
		// A response to HEAD never has a body.
		p.mustDo(t, func() error {
			return p.request(5, true, ":method", "HEAD", ":scheme", "http", ":authority", "host", ":path", "/", "x", longValue(9<<10))
		})
		p.wantStatus(t, 5, "431")
		if e, ok := p.find(http2.FrameData, 5); ok {
			t.Errorf("the response to HEAD has a body: %+v", e)
		}
		// References to the dynamic table are short, the fields they expand to are not
		// (HPACK bomb).
		bomb := append(p.encodeBlock(append(get("/"), "x", longValue(3<<10))...), make([]byte, 8000)...)
		for i := len(bomb) - 8000; i < len(bomb); i++ {
			bomb[i] = 0x80 | 62
		}
		p.mustDo(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 7, EndHeaders: true, EndStream: true, BlockFragment: bomb})
		})
		p.wantStatus(t, 7, "431")
		// The dynamic table is still in sync.
		p.mustDo(t, func() error { return p.request(9, true, get("/")...) })
		p.wantStatus(t, 9, "200")
		// Above twice the limit the connection ends.
		p.mustDo(t, func() error { return p.request(11, true, append(get("/"), "x", longValue(40<<10))...) })
		if e := p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm); e.debug == "" {
			t.Error("GOAWAY has no reason")
		}
	})
}

func TestHPACKErrors(t *testing.T) {
	for name, block := range map[string][]byte{
		"dynamic table above the limit": hpack.AppendHuffmanString([]byte{0x3f, 0xe2, 0x1f}, "x"), // 4097
		"index out of range":            {0xff, 0x00},
		"truncated string length":       {0x00, 0x7f, 0xff, 0xff, 0xff, 0x0f},
		"integer overflow":              {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"truncated block":               {0x00, 0x05, 'x'},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error {
					return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block})
				})
				p.wantGoAway(t, http2.ErrCodeCompression)
			})
		})
	}
}

func TestReadTimeout(t *testing.T) {
	result := make(chan error, 1)
	srv := serverOf(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		result <- err
		_, _ = io.WriteString(w, "too slow")
	})
	srv.ReadTimeout = 5 * time.Second
	inBubble(t, srv, h2.Options{IdleTimeout: time.Hour}, func(t *testing.T, l *listener) {
		result = make(chan error, 1)
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, false, post("/", "content-length", "100")...) })
		repeat(8, func(int) error {
			time.Sleep(time.Second)
			return p.f.WriteData(1, false, []byte("x"))
		})
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		p.wantStatus(t, 1, "200")
	})
}

func TestServerWriteTimeout(t *testing.T) {
	var cause error
	srv := serverOf(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		cause = context.Cause(r.Context())
	})
	srv.WriteTimeout = 5 * time.Second
	inBubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(4 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		p.wantReset(t, 1, http2.ErrCodeInternal)
		if synctest.Wait(); !errors.Is(cause, os.ErrDeadlineExceeded) {
			t.Errorf("cause %v", cause)
		}
	})
}

// A Read soon returns the bytes that are available, even within a message: the peer may
// wait for a response to them.
func TestReadReturnsPartialMessages(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 100)
		for {
			n, err := r.Body.Read(buf)
			if err != nil {
				return
			}
			_, _ = w.Write(buf[:n])
			w.(http.Flusher).Flush()
		}
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, false, post("/", "content-length", "300")...) })
		for i := 1; i <= 30; i++ {
			p.mustDo(t, func() error { return p.f.WriteData(1, i == 30, make([]byte, 10)) })
			time.Sleep(10 * time.Millisecond)
			if got := len(p.body()); got != 10*i {
				t.Fatalf("%d of %d bytes were returned", got, 10*i)
			}
		}
	})
}
