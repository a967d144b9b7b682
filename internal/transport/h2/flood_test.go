package h2_test

import (
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

func respondOK(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "ok")
}

func serverOf(handler http.HandlerFunc) *http.Server { return &http.Server{Handler: handler} }

// Rapid reset, CVE-2023-44487.
func TestRapidReset(t *testing.T) {
	var running, peak, started atomic.Int64
	handler := func(_ http.ResponseWriter, r *http.Request) {
		started.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
		}
		<-r.Context().Done()
	}
	inBubble(t, serverOf(handler), h2.Options{MaxConcurrentStreams: 100}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(5000, func(i int) error {
			return firstError(p.request(streamID(i), true, get("/")...), p.f.WriteRSTStream(streamID(i), http2.ErrCodeCancel))
		})
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		if done > h2.ResetBudget+1 {
			t.Errorf("%d streams were opened and reset", done)
		}
		if peak.Load() > 200 {
			t.Errorf("%d handlers ran at once", peak.Load())
		}
	})
}

// A client that cancels half of its requests is not an attacker.
func TestRapidResetAllowsOrdinaryCancellation(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		respondOK(w, r)
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(5000, func(i int) error {
			err := firstError(p.request(streamID(2*i), true, get("/")...), p.request(streamID(2*i+1), true, get("/slow")...))
			synctest.Wait()
			return firstError(err, p.f.WriteRSTStream(streamID(2*i+1), http2.ErrCodeCancel))
		})
		if p.wantAlive(t); done != 5000 {
			t.Errorf("connection ended after %d requests", done)
		}
	})
}

// Handlers that keep running after their streams were reset are bounded, too.
func TestHandlersOfResetStreamsAreBounded(t *testing.T) {
	var running atomic.Int64
	release := make(chan struct{})
	var once sync.Once
	handler := func(http.ResponseWriter, *http.Request) {
		running.Add(1)
		<-release
	}
	inBubble(t, serverOf(handler), h2.Options{MaxConcurrentStreams: 10}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		defer once.Do(func() { close(release) })
		p := l.dial(t)
		repeat(100, func(i int) error {
			err := p.request(streamID(i), true, get("/")...)
			synctest.Wait()
			return firstError(err, p.f.WriteRSTStream(streamID(i), http2.ErrCodeCancel))
		})
		if p.waitIdle(); running.Load() != 20 {
			t.Errorf("%d handlers are running, want 20", running.Load())
		}
		p.wantReset(t, streamID(99), http2.ErrCodeEnhanceYourCalm)
	})
}

// Made-you-reset, CVE-2025-8671: the peer makes the server send RST_STREAM.
func TestMadeYouReset(t *testing.T) {
	attacks := map[string]func(p *peer, id uint32) error{
		"WINDOW_UPDATE with increment 0": func(p *peer, id uint32) error {
			return firstError(p.request(id, true, get("/")...), p.f.WriteWindowUpdate(id, 0))
		},
		"window overflow": func(p *peer, id uint32) error {
			return firstError(p.request(id, true, get("/")...), p.f.WriteWindowUpdate(id, 1<<31-1))
		},
		"DATA after END_STREAM": func(p *peer, id uint32) error {
			return firstError(p.request(id, true, get("/")...), p.f.WriteData(id, false, []byte("more")))
		},
		"PRIORITY of 4 bytes": func(p *peer, id uint32) error {
			return firstError(p.request(id, true, get("/")...), p.f.WriteRawFrame(http2.FramePriority, 0, id, make([]byte, 4)))
		},
		"dependency on itself": func(p *peer, id uint32) error {
			return firstError(p.request(id, true, get("/")...), p.f.WritePriority(id, http2.PriorityParam{StreamDep: id}))
		},
		"malformed request": func(p *peer, id uint32) error { return p.request(id, true, ":method", "GET") },
		"body longer than content-length": func(p *peer, id uint32) error {
			return firstError(p.request(id, false, post("/", "content-length", "1")...), p.f.WriteData(id, true, []byte("more")))
		},
		"body shorter than content-length": func(p *peer, id uint32) error {
			return firstError(p.request(id, false, post("/", "content-length", "9")...), p.f.WriteData(id, true, []byte("less")))
		},
	}
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(wait), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				done := repeat(5000, func(i int) error { return attack(p, streamID(i)) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if done > h2.ResetBudget+1 {
					t.Errorf("%d streams were reset", done)
				}
			})
		})
	}
}

func TestMaxConcurrentStreams(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	inBubble(t, serverOf(wait), h2.Options{MaxConcurrentStreams: 10}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		repeat(11, func(i int) error { return p.request(streamID(i), true, get("/")...) })
		p.wantReset(t, streamID(10), http2.ErrCodeRefusedStream)
		if _, reset := p.find(http2.FrameRSTStream, streamID(9)); reset {
			t.Error("a stream within the limit was reset")
		}
		done := 11 + repeat(5000, func(i int) error { return p.request(streamID(11+i), true, get("/")...) })
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		if done > h2.ResetBudget+12 {
			t.Errorf("%d streams were refused", done)
		}
	})
}

// Frames that cause work and carry nothing: PING flood, SETTINGS flood and others,
// CVE-2019-9511 to 9518.
func TestFrameFloods(t *testing.T) {
	attacks := map[string]struct {
		cost  int
		frame func(p *peer) error
	}{
		"PING":                      {cost: 2, frame: func(p *peer) error { return p.f.WritePing(false, [8]byte{}) }},
		"PING ACK":                  {cost: 2, frame: func(p *peer) error { return p.f.WritePing(true, [8]byte{}) }},
		"SETTINGS":                  {cost: 2, frame: func(p *peer) error { return p.f.WriteSettings() }},
		"SETTINGS ACK":              {cost: 2, frame: func(p *peer) error { return p.f.WriteSettingsAck() }},
		"large SETTINGS":            {cost: 80, frame: func(p *peer) error { return p.f.WriteSettings(make([]http2.Setting, 680)...) }},
		"PRIORITY":                  {cost: 2, frame: func(p *peer) error { return p.f.WritePriority(101, http2.PriorityParam{}) }},
		"WINDOW_UPDATE":             {cost: 1, frame: func(p *peer) error { return p.f.WriteWindowUpdate(0, 1) }},
		"WINDOW_UPDATE on a stream": {cost: 1, frame: func(p *peer) error { return p.f.WriteWindowUpdate(1, 1) }},
		"unknown frames":            {cost: 2, frame: func(p *peer) error { return p.f.WriteRawFrame(0xbb, 0, 0, nil) }},
		"GOAWAY":                    {cost: 2, frame: func(p *peer) error { return p.f.WriteGoAway(0, http2.ErrCodeNo, nil) }},
		"empty DATA":                {cost: 5, frame: func(p *peer) error { return p.f.WriteData(1, false, nil) }},
		"padding only":              {cost: 5, frame: func(p *peer) error { return p.f.WriteDataPadded(1, false, nil, make([]byte, 200)) }},
		"1-byte DATA":               {cost: 1, frame: func(p *peer) error { return p.f.WriteData(1, false, []byte("x")) }},
		"late RST_STREAM":           {cost: 2, frame: func(p *peer) error { return p.f.WriteRSTStream(3, http2.ErrCodeCancel) }},
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				err := firstError(p.request(1, false, post("/")...), p.request(3, true, get("/")...), p.f.WriteRSTStream(3, http2.ErrCodeCancel))
				if err != nil {
					t.Fatal(err)
				}
				done := repeat(3*h2.FrameBudget, func(int) error { return attack.frame(p) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if limit := h2.FrameBudget/attack.cost + 1; done > limit {
					t.Errorf("%d frames were accepted, want at most %d", done, limit)
				}
			})
		})
	}
}

// Frames on a stream that the server has reset are ignored, within the budget.
func TestFramesOnResetStreamsAreBounded(t *testing.T) {
	early := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" { // keeps the connection from being idle, which releases the receive buffer at each frame
			<-r.Context().Done()
		}
		http.Error(w, "no", http.StatusForbidden)
	}
	attacks := map[string]struct {
		cost  int
		frame func(p *peer) error
	}{
		"1-byte DATA":  {cost: 1, frame: func(p *peer) error { return p.f.WriteData(1, false, []byte("x")) }},
		"padding only": {cost: 1, frame: func(p *peer) error { return p.f.WriteDataPadded(1, true, nil, make([]byte, 200)) }},
		"trailers":     {cost: 2, frame: func(p *peer) error { return p.request(1, true, "x-late", "1") }},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(early), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error {
					return firstError(p.request(1, false, post("/")...), p.request(3, true, get("/wait")...))
				})
				p.wantReset(t, 1, http2.ErrCodeNo)
				done := repeat(3*h2.FrameBudget, func(int) error { return attack.frame(p) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if limit := h2.FrameBudget/attack.cost + 20; done > limit {
					t.Errorf("%d frames were accepted, want at most %d", done, limit)
				}
			})
		})
	}
}

// Ordinary work of a gRPC client: small messages in both directions, each followed by
// WINDOW_UPDATE and PING.
func TestFloodBudgetAllowsBusyClients(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, buf); err != nil {
				return
			}
			_, _ = w.Write(buf)
			w.(http.Flusher).Flush()
		}
	}
	inBubble(t, serverOf(echo), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		if err := p.request(1, false, post("/", "content-type", "application/grpc")...); err != nil {
			t.Fatal(err)
		}
		done := repeat(20_000, func(int) error {
			err := p.f.WriteData(1, false, make([]byte, 5))
			synctest.Wait() // for the response
			return firstError(err, p.f.WriteWindowUpdate(0, 5), p.f.WriteWindowUpdate(1, 5), p.f.WritePing(false, [8]byte{}))
		})
		if p.wantAlive(t); done != 20_000 {
			t.Errorf("connection ended after %d messages", done)
		}
	})
}

// A download whose client sends WINDOW_UPDATE for each 4 KiB, on stream and connection.
func TestFloodBudgetAllowsWindowUpdatesOfDownloads(t *testing.T) {
	const size = 64 << 20
	chunk := make([]byte, 1<<20)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(chunk) {
			_, _ = w.Write(chunk)
		}
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		if err := p.request(1, true, get("/")...); err != nil {
			t.Fatal(err)
		}
		const step = 4 << 10
		done := repeat(size/step, func(int) error {
			synctest.Wait() // for the data
			return firstError(p.f.WriteWindowUpdate(0, step), p.f.WriteWindowUpdate(1, step))
		})
		if p.wantAlive(t); done != size/step {
			t.Errorf("connection ended after %d updates", done)
		}
		if got := len(p.body()); got != size {
			t.Errorf("received %d bytes", got)
		}
	})
}
