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

// dialUnread returns a peer that reads the first frames of a connection and nothing after.
func (l *listener) dialUnread(t *testing.T, settings ...http2.Setting) *peer {
	t.Helper()
	p := l.raw(t)
	p.mustDo(t, func() error { _, err := p.nc.Write([]byte(http2.ClientPreface)); return err })
	read := make(chan struct{})
	go func() { // SETTINGS, their acknowledgment and WINDOW_UPDATE
		defer close(read)
		for range 3 {
			_, _ = p.f.ReadFrame()
		}
	}()
	p.mustDo(t, func() error { return p.f.WriteSettings(settings...) })
	p.mustDo(t, p.f.WriteSettingsAck)
	<-read
	return p
}

// Flow control does not count header fields. A peer that keeps sending requests and reads
// no response must be stopped otherwise (CVE-2019-9517, with responses without a body).
func TestUnreadResponsesAreBounded(t *testing.T) {
	// Too large for the HPACK dynamic table: each response contains it in full.
	fields := func(w http.ResponseWriter) { w.Header().Set("Etag", longValue(5000)) }
	for name, handler := range map[string]http.HandlerFunc{
		"header fields only": func(w http.ResponseWriter, _ *http.Request) { fields(w) },
		"trailers": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(http.TrailerPrefix+"Sum", longValue(5000))
		},
		"short body": func(w http.ResponseWriter, _ *http.Request) {
			fields(w)
			_, _ = io.WriteString(w, "x")
		},
		"1xx responses": func(w http.ResponseWriter, _ *http.Request) {
			fields(w)
			for range 10 {
				w.WriteHeader(http.StatusEarlyHints)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dialUnread(t)
				peak := 0
				repeat(500, func(i int) error {
					err := p.request(streamID(i), true, get("/")...)
					synctest.Wait()
					peak = max(peak, l.server.Unsent())
					return err
				})
				if peak > 2*h2.MaxSendBuffer {
					t.Errorf("%d bytes were buffered", peak)
				}
			})
		})
	}
}

// The response of a handler that panics is one RST_STREAM. Unread ones are bounded, too.
func TestUnreadResetsAreBounded(t *testing.T) {
	handler := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dialUnread(t)
		const many = 3 * h2.MaxSendBuffer / 13 // the size of RST_STREAM
		done := repeat(many, func(i int) error {
			if i%100 == 0 {
				synctest.Wait()
			}
			return p.request(streamID(i), true, get("/")...)
		})
		if synctest.Wait(); done == many || l.server.Unsent() > 2*h2.MaxSendBuffer {
			t.Errorf("%d requests were accepted, and %d bytes were buffered", done, l.server.Unsent())
		}
	})
}

// A peer whose messages earn budget for PING, and which does not read the acknowledgments.
func TestUnreadControlFramesAreBounded(t *testing.T) {
	handler := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dialUnread(t)
		p.mustDo(t, func() error { return p.request(1, false, post("/", "content-type", "application/grpc")...) })
		const many = 2 * h2.MaxControlBacklog / 17 // the size of an acknowledgment
		peak := 0
		done := repeat(many, func(int) error {
			err := firstError(p.f.WriteData(1, false, make([]byte, 5)), p.f.WritePing(false, [8]byte{}))
			peak = max(peak, l.server.Unsent())
			return err
		})
		if synctest.Wait(); done == many || l.server.Conns() > 0 {
			t.Errorf("the connection is still open after %d PINGs", done)
		}
		if peak > h2.MaxControlBacklog+1000 {
			t.Errorf("%d bytes were buffered", peak)
		}
	})
}

// Many responses wait for the connection's window. The progress of one does not keep the
// others waiting forever.
func TestMinimumTransferRateOfManyStreams(t *testing.T) {
	var running atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		running.Add(1)
		defer running.Add(-1)
		_, _ = w.Write(make([]byte, 1<<20))
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 30})
		for i := range 100 {
			p.mustDo(t, func() error { return p.request(streamID(i), true, get("/")...) })
		}
		for range 300 {
			time.Sleep(time.Second)
			p.mustDo(t, func() error { return p.f.WriteWindowUpdate(0, h2.MinProgress/30) })
		}
		if left := running.Load(); left > 10 {
			t.Errorf("%d handlers are still waiting after five minutes", left)
		}
	})
}
