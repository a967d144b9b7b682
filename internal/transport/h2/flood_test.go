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

func answerOK(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	_, _ = io.WriteString(w, "ok")
}

func serverOf(handler http.HandlerFunc) *http.Server { return &http.Server{Handler: handler} }

// Rapid reset (CVE-2023-44487).
func TestRapidResetIsBounded(t *testing.T) {
	var running, most, started atomic.Int64
	handler := func(_ http.ResponseWriter, r *http.Request) {
		started.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		<-r.Context().Done()
	}
	bubble(t, serverOf(handler), h2.Options{MaxConcurrentStreams: 100}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(5000, func(i int) error {
			return first(p.request(id(i), true, get("/")...), p.f.WriteRSTStream(id(i), http2.ErrCodeCancel))
		})
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		if done > h2.ResetBudget+1 {
			t.Errorf("%d streams were opened and reset", done)
		}
		if most.Load() > 200 {
			t.Errorf("%d handlers ran at once", most.Load())
		}
	})
}

// A client that cancels half of what it asks for is no attacker.
func TestCancellingHalfIsNotAnAttack(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		answerOK(w, r)
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(5000, func(i int) error {
			err := first(p.request(id(2*i), true, get("/")...), p.request(id(2*i+1), true, get("/slow")...))
			synctest.Wait()
			return first(err, p.f.WriteRSTStream(id(2*i+1), http2.ErrCodeCancel))
		})
		if p.wantAlive(t); done != 5000 {
			t.Errorf("ended after %d", done)
		}
	})
}

// Handlers that go on after their streams were reset are bounded too.
func TestHandlersOfResetStreamsAreBounded(t *testing.T) {
	var running atomic.Int64
	release := make(chan struct{})
	var once sync.Once
	handler := func(http.ResponseWriter, *http.Request) {
		running.Add(1)
		<-release
	}
	bubble(t, serverOf(handler), h2.Options{MaxConcurrentStreams: 10}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		defer once.Do(func() { close(release) })
		p := l.dial(t)
		repeat(100, func(i int) error {
			err := p.request(id(i), true, get("/")...)
			synctest.Wait()
			return first(err, p.f.WriteRSTStream(id(i), http2.ErrCodeCancel))
		})
		if p.settle(); running.Load() != 20 {
			t.Errorf("%d handlers run", running.Load())
		}
		p.wantReset(t, id(99), http2.ErrCodeEnhanceYourCalm)
	})
}

// MadeYouReset (CVE-2025-8671): the peer makes the server reset.
func TestResetsThatThePeerCausesAreBounded(t *testing.T) {
	attacks := map[string]func(p *peer, id uint32) error{
		"WINDOW_UPDATE of 0": func(p *peer, id uint32) error {
			return first(p.request(id, true, get("/")...), p.f.WriteWindowUpdate(id, 0))
		},
		"a window that overflows": func(p *peer, id uint32) error {
			return first(p.request(id, true, get("/")...), p.f.WriteWindowUpdate(id, 1<<31-1))
		},
		"DATA after the end": func(p *peer, id uint32) error {
			return first(p.request(id, true, get("/")...), p.f.WriteData(id, false, []byte("more")))
		},
		"PRIORITY of a wrong length": func(p *peer, id uint32) error {
			return first(p.request(id, true, get("/")...), p.f.WriteRawFrame(http2.FramePriority, 0, id, make([]byte, 4)))
		},
		"a stream that depends on itself": func(p *peer, id uint32) error {
			return first(p.request(id, true, get("/")...), p.f.WritePriority(id, http2.PriorityParam{StreamDep: id}))
		},
		"a malformed request": func(p *peer, id uint32) error { return p.request(id, true, ":method", "GET") },
		"a body longer than content-length": func(p *peer, id uint32) error {
			return first(p.request(id, false, post("/", "content-length", "1")...), p.f.WriteData(id, true, []byte("more")))
		},
		"a body shorter than content-length": func(p *peer, id uint32) error {
			return first(p.request(id, false, post("/", "content-length", "9")...), p.f.WriteData(id, true, []byte("less")))
		},
	}
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(wait), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				done := repeat(5000, func(i int) error { return attack(p, id(i)) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if done > h2.ResetBudget+1 {
					t.Errorf("%d streams were reset", done)
				}
			})
		})
	}
}

func TestStreamsBeyondTheLimitAreRefused(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	bubble(t, serverOf(wait), h2.Options{MaxConcurrentStreams: 10}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		repeat(11, func(i int) error { return p.request(id(i), true, get("/")...) })
		p.wantReset(t, id(10), http2.ErrCodeRefusedStream)
		if _, reset := p.find(http2.FrameRSTStream, id(9)); reset {
			t.Error("a stream within the limit was reset")
		}
		done := 11 + repeat(5000, func(i int) error { return p.request(id(11+i), true, get("/")...) })
		p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
		if done > h2.ResetBudget+12 {
			t.Errorf("%d streams were refused", done)
		}
	})
}

// Frames that make work and bring nothing (CVE-2019-9511 to 9518).
func TestFloodsAreBounded(t *testing.T) {
	attacks := map[string]struct {
		cost  int
		frame func(p *peer) error
	}{
		"PING":            {2, func(p *peer) error { return p.f.WritePing(false, [8]byte{}) }},
		"PING that acks":  {2, func(p *peer) error { return p.f.WritePing(true, [8]byte{}) }},
		"SETTINGS":        {2, func(p *peer) error { return p.f.WriteSettings() }},
		"SETTINGS ack":    {2, func(p *peer) error { return p.f.WriteSettingsAck() }},
		"large SETTINGS":  {80, func(p *peer) error { return p.f.WriteSettings(make([]http2.Setting, 680)...) }},
		"PRIORITY":        {2, func(p *peer) error { return p.f.WritePriority(101, http2.PriorityParam{}) }},
		"WINDOW_UPDATE":   {1, func(p *peer) error { return p.f.WriteWindowUpdate(0, 1) }},
		"of a stream":     {1, func(p *peer) error { return p.f.WriteWindowUpdate(1, 1) }},
		"unknown frames":  {2, func(p *peer) error { return p.f.WriteRawFrame(0xbb, 0, 0, nil) }},
		"GOAWAY":          {2, func(p *peer) error { return p.f.WriteGoAway(0, http2.ErrCodeNo, nil) }},
		"empty DATA":      {5, func(p *peer) error { return p.f.WriteData(1, false, nil) }},
		"padding":         {5, func(p *peer) error { return p.f.WriteDataPadded(1, false, nil, make([]byte, 200)) }},
		"DATA of a byte":  {1, func(p *peer) error { return p.f.WriteData(1, false, []byte("x")) }},
		"RST_STREAM late": {2, func(p *peer) error { return p.f.WriteRSTStream(3, http2.ErrCodeCancel) }},
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				err := first(p.request(1, false, post("/")...), p.request(3, true, get("/")...), p.f.WriteRSTStream(3, http2.ErrCodeCancel))
				if err != nil {
					t.Fatal(err)
				}
				done := repeat(3*h2.FrameBudget, func(int) error { return attack.frame(p) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if most := h2.FrameBudget/attack.cost + 1; done > most {
					t.Errorf("%d frames were taken, more than %d", done, most)
				}
			})
		})
	}
}

// Frames of a stream that the server has reset are ignored, but not for ever.
func TestLateFramesAreBounded(t *testing.T) {
	early := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" { // the receive buffer of an idle connection is given back with each frame
			<-r.Context().Done()
		}
		http.Error(w, "no", http.StatusForbidden)
	}
	attacks := map[string]struct {
		cost  int
		frame func(p *peer) error
	}{
		"DATA of a byte": {1, func(p *peer) error { return p.f.WriteData(1, false, []byte("x")) }},
		"padding":        {1, func(p *peer) error { return p.f.WriteDataPadded(1, true, nil, make([]byte, 200)) }},
		"trailers":       {2, func(p *peer) error { return p.request(1, true, "x-late", "1") }},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(early), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.write(t, func() error { return first(p.request(1, false, post("/")...), p.request(3, true, get("/wait")...)) })
				p.wantReset(t, 1, http2.ErrCodeNo)
				done := repeat(3*h2.FrameBudget, func(int) error { return attack.frame(p) })
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if most := h2.FrameBudget/attack.cost + 20; done > most {
					t.Errorf("%d frames were taken, more than %d", done, most)
				}
			})
		})
	}
}

// What clients do while they work: messages of a few bytes in both directions, each
// followed by WINDOW_UPDATE and PING, as gRPC's clients send them.
func TestBusyClientsAreNotTakenForAttackers(t *testing.T) {
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
	bubble(t, serverOf(echo), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		if err := p.request(1, false, post("/", "content-type", "application/grpc")...); err != nil {
			t.Fatal(err)
		}
		done := repeat(20_000, func(int) error {
			err := p.f.WriteData(1, false, make([]byte, 5))
			synctest.Wait() // for the answer
			return first(err, p.f.WriteWindowUpdate(0, 5), p.f.WriteWindowUpdate(1, 5), p.f.WritePing(false, [8]byte{}))
		})
		if p.wantAlive(t); done != 20_000 {
			t.Errorf("ended after %d messages", done)
		}
	})
}

// A download whose client gives credit for each 4 KiB, on stream and connection.
func TestWindowUpdatesOfADownloadAreFree(t *testing.T) {
	const size = 64 << 20
	chunk := make([]byte, 1<<20)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(chunk) {
			_, _ = w.Write(chunk)
		}
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		if err := p.request(1, true, get("/")...); err != nil {
			t.Fatal(err)
		}
		const step = 4 << 10
		done := repeat(size/step, func(int) error {
			synctest.Wait() // for the data
			return first(p.f.WriteWindowUpdate(0, step), p.f.WriteWindowUpdate(1, step))
		})
		if p.wantAlive(t); done != size/step {
			t.Errorf("ended after %d updates", done)
		}
		if got := len(p.body()); got != size {
			t.Errorf("%d bytes came", got)
		}
	})
}
