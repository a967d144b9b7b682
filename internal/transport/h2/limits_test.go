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

func waitForEnd(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestHandshakeHasATime(t *testing.T) {
	bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
		silent := l.raw(t)
		_, _ = silent.nc.Write([]byte(http2.ClientPreface)[:18]) // PRI alone
		deaf := l.raw(t)
		_, _ = deaf.nc.Write([]byte(http2.ClientPreface))
		go deaf.readAll()
		unacked := l.raw(t)
		_, _ = unacked.nc.Write([]byte(http2.ClientPreface))
		go unacked.readAll()
		unacked.write(t, func() error { return unacked.f.WriteSettings() })
		time.Sleep(9 * time.Second)
		if deaf.over() || unacked.over() {
			t.Error("ended before its time")
		}
		time.Sleep(3 * time.Second)
		go silent.readAll()
		if !silent.over() {
			t.Error("a connection without a whole preface goes on")
		}
		deaf.wantGoAway(t, http2.ErrCodeSettingsTimeout)
		unacked.wantGoAway(t, http2.ErrCodeSettingsTimeout)
	})
}

func TestIdleConnectionsEnd(t *testing.T) {
	srv := serverOf(answerOK)
	srv.IdleTimeout = 10 * time.Second
	bubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		time.Sleep(8 * time.Second)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(8 * time.Second)
		p.wantAlive(t)
		p.wantStatus(t, 1, "200")
		time.Sleep(3 * time.Second)
		if p.wantGoAway(t, http2.ErrCodeNo).last != 1 || !p.over() {
			t.Error("the idle connection goes on")
		}
	})
}

func TestPeersThatAreGoneAreNoticed(t *testing.T) {
	var ended atomic.Bool
	handler := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended.Store(true)
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t) // it answers no PING
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(44 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		if !p.over() || !ended.Load() {
			t.Error("nobody noticed that the peer is gone")
		}
	})
}

func TestPeersThatAnswerPingsStay(t *testing.T) {
	bubble(t, serverOf(waitForEnd), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		for range 20 {
			time.Sleep(31 * time.Second)
			if e, ok := p.find(http2.FramePing, 0); !ok || e.ack {
				t.Fatal("no PING")
			}
			p.write(t, func() error { return p.f.WritePing(true, [8]byte{}) })
		}
		p.wantAlive(t)
	})
}

// A client that reads slowly, and gives credit seldom, is silent for long: the PING that
// asks it for a sign of life stands behind what it has yet to read.
func TestSlowReadersAreNotTakenForGone(t *testing.T) {
	const size = 4 << 20
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.deaf(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		p.write(t, func() error { return p.f.WriteWindowUpdate(0, 1<<30) })
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		for got := 0; got < size; {
			time.Sleep(time.Second / 2) // 32 KiB a second: two minutes
			f, err := p.f.ReadFrame()
			if err != nil {
				t.Fatalf("ended after %d bytes: %v", got, err)
			}
			if data, ok := f.(*http2.DataFrame); ok {
				got += len(data.Data())
			}
		}
		go p.readAll()
		p.wantAlive(t)
	})
}

// A peer that does not read: the connection ends, and with it what the handler writes.
func TestSlowReadersAreGivenUp(t *testing.T) {
	result := make(chan error, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				result <- err
				return
			}
		}
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		result = make(chan error, 1)
		p := l.raw(t)
		_, _ = p.nc.Write([]byte(http2.ClientPreface))
		stop := make(chan struct{})
		go func() { // reads settings, acknowledgement and window alone
			defer close(stop)
			for range 3 {
				_, _ = p.f.ReadFrame()
			}
		}()
		p.write(t, func() error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		})
		p.write(t, p.f.WriteSettingsAck)
		<-stop
		p.write(t, func() error { return p.f.WriteWindowUpdate(0, 1<<30) })
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		begin := time.Now()
		if err := <-result; err == nil {
			t.Error("no error")
		}
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("given up after %v", took)
		}
		synctest.Wait()
		if l.server.Conns() != 0 {
			t.Error("the connection is still there")
		}
	})
}

// A peer that reads, and keeps a stream's window, or the connection's, closed or all
// but closed.
func TestClosedWindowsAreGivenUp(t *testing.T) {
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
		"the stream's":             {small, 1, 0},
		"the connection's":         {large, 0, 0},
		"the stream's, a byte":     {small, 1, 1},
		"the connection's, a byte": {large, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				result = make(chan error, 1)
				p := l.dial(t, test.setting)
				p.write(t, func() error { return p.request(1, true, get("/")...) })
				var err error
				for range 200 {
					time.Sleep(time.Second)
					if test.step > 0 {
						p.write(t, func() error { return p.f.WriteWindowUpdate(test.stream, test.step) })
					} else {
						p.write(t, func() error { return p.f.WritePing(true, [8]byte{}) })
					}
					select {
					case err = <-result:
					default:
						continue
					}
					break
				}
				if err == nil {
					t.Error("the handler still waits")
				}
				p.wantReset(t, 1, http2.ErrCodeCancel)
				p.wantAlive(t)
			})
		})
	}
}

// A slow peer is not one that takes nothing: 20 KB a minute will do.
func TestSlowWindowsAreBornWith(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 200_000)) }
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		for range 12 * 50 {
			time.Sleep(time.Second)
			_ = first(p.f.WriteWindowUpdate(1, 340), p.f.WriteWindowUpdate(0, 340))
		}
		if p.wantAlive(t); len(p.body()) != 200_000 {
			t.Errorf("%d bytes came", len(p.body()))
		}
	})
}

// A window below zero is legal (RFC 9113, 6.9.2).
func TestWindowsMayShrinkBelowZero(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 10_000))
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = w.Write(make([]byte, 100_000))
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		p.write(t, func() error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1}) })
		synctest.Wait()
		close(release)
		if got := len(p.body()); got != 10_000 {
			t.Errorf("%d bytes came through a closed window", got)
		}
		p.write(t, func() error { return p.f.WriteWindowUpdate(0, 200_000) })
		p.write(t, func() error { return p.f.WriteWindowUpdate(1, 200_000) })
		if got := len(p.body()); got != 110_000 {
			t.Errorf("%d bytes came", got)
		}
		p.wantAlive(t)
	})
}

func TestWindowsMayNotOverflow(t *testing.T) {
	bubble(t, serverOf(waitForEnd), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error { return p.f.WriteWindowUpdate(0, 1<<31-1) })
		p.wantGoAway(t, http2.ErrCodeFlowControl)
		p = l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		p.write(t, func() error { return p.f.WriteWindowUpdate(1, 1<<31-1) })
		p.wantReset(t, 1, http2.ErrCodeFlowControl)
		p.wantAlive(t)
		p.write(t, func() error { return p.request(3, true, get("/")...) })
		p.write(t, func() error { return p.f.WriteWindowUpdate(3, 1<<30) })
		p.write(t, func() error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		})
		p.wantGoAway(t, http2.ErrCodeFlowControl)
	})
}

func TestReceiveWindowsHold(t *testing.T) {
	options := h2.Options{StreamWindow: 100_000, ConnectionWindow: 300_000}
	bubble(t, serverOf(waitForEnd), options, func(t *testing.T, l *listener) {
		p := l.dial(t)
		send := func(id uint32, n int) {
			for ; n > 0; n -= 10_000 {
				p.write(t, func() error { return p.f.WriteData(id, false, make([]byte, min(n, 10_000))) })
			}
		}
		for i := range 4 {
			p.write(t, func() error { return p.request(id(i), false, post("/")...) })
		}
		send(1, 100_000)
		if p.wantAlive(t); l.server.Buffered() < 100_000 {
			t.Errorf("%d bytes are held", l.server.Buffered())
		}
		send(1, 1)
		p.wantReset(t, 1, http2.ErrCodeFlowControl)
		if l.server.Buffered() != 0 {
			t.Errorf("%d bytes are held for a stream that was reset", l.server.Buffered())
		}
		send(3, 100_000)
		send(5, 100_000)
		p.wantAlive(t)
		// What was reset has given 100,001 back, which is a quarter of the window.
		send(7, 100_000)
		if p.wantAlive(t); l.server.Buffered() > 600_000 {
			t.Errorf("%d bytes are held", l.server.Buffered())
		}
		p.write(t, func() error { return p.request(9, false, post("/")...) })
		send(9, 1)
		p.wantGoAway(t, http2.ErrCodeFlowControl)
	})
}

// The connection's window must come back however a stream ends, or an honest client
// would wait for ever.
func TestTheConnectionsWindowComesBack(t *testing.T) {
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
		case "/answer":
			_, _ = io.WriteString(w, "no need")
		}
	}
	for _, path := range []string{"/half", "/close", "/panic", "/wait", "/answer", "/reset", "/short"} {
		t.Run(path[1:], func(t *testing.T) {
			options := h2.Options{StreamWindow: 100_000, ConnectionWindow: 400_000}
			bubble(t, serverOf(handler), options, func(t *testing.T, l *listener) {
				p := l.dial(t)
				window, seen := 400_000, 0
				for i := range 100 {
					fields := post(path)
					if path == "/short" {
						fields = post(path, "content-length", "15000")
					}
					p.write(t, func() error { return p.request(id(i), false, fields...) })
					for range 4 {
						for events := p.settle(); seen < len(events); seen++ {
							if e := events[seen]; e.kind == http2.FrameWindowUpdate && e.id == 0 {
								window += int(e.grow)
							}
						}
						if window -= 5000; window < 0 {
							t.Fatalf("the window is closed at stream %d", i)
						}
						p.write(t, func() error { return p.f.WriteDataPadded(id(i), false, make([]byte, 4900), make([]byte, 99)) })
					}
					if path == "/wait" {
						p.write(t, func() error { return p.f.WriteRSTStream(id(i), http2.ErrCodeCancel) })
					}
				}
				p.wantAlive(t)
			})
		})
	}
}

// The bytes that wait are bounded over all connections, by the memory they take.
func TestBodiesShareABudget(t *testing.T) {
	bubble(t, serverOf(waitForEnd), h2.Options{MaxBufferedBytes: 1 << 20}, func(t *testing.T, l *listener) {
		refused := 0
		for range 20 {
			p := l.dial(t)
			for i := range 10 {
				_ = first(p.request(id(i), false, post("/")...), p.f.WriteData(id(i), false, make([]byte, 16_000)))
			}
			if held := l.server.Buffered(); held > 1<<20 {
				t.Errorf("%d bytes are held", held)
			}
			for _, e := range p.settle() {
				if e.kind == http2.FrameRSTStream && e.code == http2.ErrCodeEnhanceYourCalm {
					refused++
				}
			}
			p.wantAlive(t)
		}
		if refused == 0 || refused == 200 {
			t.Errorf("%d of 200 were refused", refused)
		}
		for _, p := range l.peers {
			_ = p.nc.Close()
		}
		if synctest.Wait(); l.server.Buffered() != 0 {
			t.Errorf("%d bytes are charged to connections that are gone", l.server.Buffered())
		}
	})
}

// A connection may end before its last request's handler has started.
func TestBodiesOfRequestsThatNeverStartAreGivenBack(t *testing.T) {
	bubble(t, serverOf(waitForEnd), h2.Options{}, func(t *testing.T, l *listener) {
		for range 10 {
			p := l.dial(t)
			var all strings.Builder
			f := http2.NewFramer(&all, nil)
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: p.block(post("/")...)})
			_ = f.WriteData(1, false, make([]byte, 10_000))
			_ = f.WriteRawFrame(http2.FramePushPromise, 0, 1, nil)
			_, _ = p.nc.Write([]byte(all.String()))
			p.wantGoAway(t, http2.ErrCodeProtocol)
		}
		if held := l.server.Buffered(); held != 0 {
			t.Errorf("%d bytes are held", held)
		}
	})
}

// CVE-2023-45288: a header block that does not end.
func TestHeaderBlocksAreBounded(t *testing.T) {
	fragment := func(p *peer, n int) []byte { return p.block("x-field", long(n)) }
	for name, next := range map[string]func(p *peer) []byte{
		"empty":  func(*peer) []byte { return nil },
		"a byte": func(*peer) []byte { return []byte{0x82} },
		"large":  func(p *peer) []byte { return fragment(p, 16_000) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.write(t, func() error {
					return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: p.block(get("/")...)})
				})
				done := repeat(10_000, func(int) error { return p.f.WriteContinuation(1, false, next(p)) })
				if p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm); done > 200 {
					t.Errorf("%d frames were taken", done)
				}
			})
		})
	}
	t.Run("slow", func(t *testing.T) {
		srv := serverOf(answerOK)
		srv.ReadHeaderTimeout = 5 * time.Second
		bubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
			p := l.dial(t)
			p.write(t, func() error {
				return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, BlockFragment: p.block(get("/")...)})
			})
			time.Sleep(4 * time.Second)
			p.write(t, func() error { return p.f.WriteContinuation(1, true, nil) })
			p.wantStatus(t, 1, "200")
			p.write(t, func() error {
				return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: p.block(get("/")...)})
			})
			repeat(10, func(int) error {
				time.Sleep(time.Second)
				return p.f.WriteContinuation(3, false, p.block("x-field", "x"))
			})
			p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		})
	})
}

func TestLargeHeadersAreAnswered431(t *testing.T) {
	srv := serverOf(answerOK)
	srv.MaxHeaderBytes = 8 << 10
	bubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, append(get("/"), "x", long(6<<10))...) })
		p.wantStatus(t, 1, "200")
		p.write(t, func() error { return p.request(3, true, append(get("/"), "x", long(9<<10))...) })
		p.wantStatus(t, 3, "431")
		// An answer to HEAD has no body, whatever it says.
		p.write(t, func() error {
			return p.request(5, true, ":method", "HEAD", ":scheme", "http", ":authority", "host", ":path", "/", "x", long(9<<10))
		})
		p.wantStatus(t, 5, "431")
		if e, ok := p.find(http2.FrameData, 5); ok {
			t.Errorf("HEAD is answered with a body: %+v", e)
		}
		// References to the table are short, what they stand for is not (HPACK bomb).
		bomb := append(p.block(append(get("/"), "x", long(3<<10))...), make([]byte, 8000)...)
		for i := len(bomb) - 8000; i < len(bomb); i++ {
			bomb[i] = 0x80 | 62
		}
		p.write(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 7, EndHeaders: true, EndStream: true, BlockFragment: bomb})
		})
		p.wantStatus(t, 7, "431")
		// The table is in step all the same.
		p.write(t, func() error { return p.request(9, true, get("/")...) })
		p.wantStatus(t, 9, "200")
		// Beyond twice as much it is an attack.
		p.write(t, func() error { return p.request(11, true, append(get("/"), "x", long(40<<10))...) })
		if e := p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm); e.debug == "" {
			t.Error("no reason is given")
		}
	})
}

func TestHPACKLimits(t *testing.T) {
	for name, block := range map[string][]byte{
		"a table larger than agreed": hpack.AppendHuffmanString([]byte{0x3f, 0xe2, 0x1f}, "x"), // 4097
		"an index that is not there": {0xff, 0x00},
		"a string without an end":    {0x00, 0x7f, 0xff, 0xff, 0xff, 0x0f},
		"an integer without an end":  {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a block that is cut":        {0x00, 0x05, 'x'},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.write(t, func() error {
					return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, EndStream: true, BlockFragment: block})
				})
				p.wantGoAway(t, http2.ErrCodeCompression)
			})
		})
	}
}

func TestReadTimeoutBoundsABody(t *testing.T) {
	result := make(chan error, 1)
	srv := serverOf(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		result <- err
		_, _ = io.WriteString(w, "too slow")
	})
	srv.ReadTimeout = 5 * time.Second
	bubble(t, srv, h2.Options{IdleTimeout: time.Hour}, func(t *testing.T, l *listener) {
		result = make(chan error, 1)
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, false, post("/", "content-length", "100")...) })
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

func TestWriteTimeoutBoundsAnAnswer(t *testing.T) {
	var cause error
	srv := serverOf(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		cause = context.Cause(r.Context())
	})
	srv.WriteTimeout = 5 * time.Second
	bubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		time.Sleep(4 * time.Second)
		p.wantAlive(t)
		time.Sleep(2 * time.Second)
		p.wantReset(t, 1, http2.ErrCodeInternal)
		if synctest.Wait(); !errors.Is(cause, os.ErrDeadlineExceeded) {
			t.Errorf("cause %v", cause)
		}
	})
}

// A Read gives what is there within a moment, also in the middle of a message: a peer
// may wait for an answer to the part that it has sent.
func TestPartsOfAMessageAreRead(t *testing.T) {
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
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, false, post("/", "content-length", "300")...) })
		for i := 1; i <= 30; i++ {
			p.write(t, func() error { return p.f.WriteData(1, i == 30, make([]byte, 10)) })
			time.Sleep(10 * time.Millisecond)
			if got := len(p.body()); got != 10*i {
				t.Fatalf("%d bytes of %d came back", got, 10*i)
			}
		}
	})
}
