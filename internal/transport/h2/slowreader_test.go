package h2_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// deaf returns a peer that reads what a connection begins with, and nothing after.
func (l *listener) deaf(t *testing.T, settings ...http2.Setting) *peer {
	t.Helper()
	p := l.raw(t)
	p.write(t, func() error { _, err := p.nc.Write([]byte(http2.ClientPreface)); return err })
	read := make(chan struct{})
	go func() { // SETTINGS, their acknowledgement and the window
		defer close(read)
		for range 3 {
			_, _ = p.f.ReadFrame()
		}
	}()
	p.write(t, func() error { return p.f.WriteSettings(settings...) })
	p.write(t, p.f.WriteSettingsAck)
	<-read
	return p
}

// Flow control does not count header fields: a peer that asks on and reads no answer must
// be stopped otherwise (CVE-2019-9517 with answers that have no body).
func TestAnswersThatAreNotReadAreBounded(t *testing.T) {
	// No table of HPACK takes a field so large: each answer has it in full.
	fields := func(w http.ResponseWriter) { w.Header().Set("Etag", long(5000)) }
	for name, handler := range map[string]http.HandlerFunc{
		"headers alone": func(w http.ResponseWriter, _ *http.Request) { fields(w) },
		"trailers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(http.TrailerPrefix+"Sum", long(5000))
		},
		"a short body": func(w http.ResponseWriter, _ *http.Request) {
			fields(w)
			_, _ = io.WriteString(w, "x")
		},
		"answers before the answer": func(w http.ResponseWriter, _ *http.Request) {
			fields(w)
			for range 10 {
				w.WriteHeader(http.StatusEarlyHints)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.deaf(t)
				most := 0
				repeat(500, func(i int) error {
					err := p.request(id(i), true, get("/")...)
					synctest.Wait()
					most = max(most, l.server.Unsent())
					return err
				})
				if most > 2*h2.MaxSendBuffer {
					t.Errorf("%d bytes waited to be read", most)
				}
			})
		})
	}
}

// A handler that panics costs no more than a short frame, which must be bounded all the
// same.
func TestResetsThatAreNotReadAreBounded(t *testing.T) {
	handler := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.deaf(t)
		const many = 3 * h2.MaxSendBuffer / 13 // bytes that RST_STREAM has
		done := repeat(many, func(i int) error {
			if i%100 == 0 {
				synctest.Wait()
			}
			return p.request(id(i), true, get("/")...)
		})
		if synctest.Wait(); done == many || l.server.Unsent() > 2*h2.MaxSendBuffer {
			t.Errorf("%d requests were taken, and %d bytes waited to be read", done, l.server.Unsent())
		}
	})
}

// A peer whose messages earn it PINGs, and which reads no answer to those.
func TestControlAnswersThatAreNotReadAreBounded(t *testing.T) {
	handler := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.deaf(t)
		p.write(t, func() error { return p.request(1, false, post("/", "content-type", "application/grpc")...) })
		const many = 2 * h2.MaxControlBacklog / 17 // bytes that an answer has
		most := 0
		done := repeat(many, func(int) error {
			err := first(p.f.WriteData(1, false, make([]byte, 5)), p.f.WritePing(false, [8]byte{}))
			most = max(most, l.server.Unsent())
			return err
		})
		if synctest.Wait(); done == many || l.server.Conns() > 0 {
			t.Errorf("the connection goes on after %d PINGs", done)
		}
		if most > h2.MaxControlBacklog+1000 {
			t.Errorf("%d bytes waited to be read", most)
		}
	})
}

// Many answers that wait for the connection's window need more than one of them would: what
// is given to one is no progress of the others'.
func TestATrickleDoesNotKeepManyAnswersWaiting(t *testing.T) {
	var running atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		_, _ = w.Write(make([]byte, 1<<20))
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		for i := range 100 {
			p.write(t, func() error { return p.request(id(i), true, get("/")...) })
		}
		for range 300 {
			time.Sleep(time.Second)
			p.write(t, func() error { return p.f.WriteWindowUpdate(0, h2.MinProgress/30) })
		}
		if left := running.Load(); left > 10 {
			t.Errorf("%d handlers still wait after five minutes", left)
		}
	})
}
