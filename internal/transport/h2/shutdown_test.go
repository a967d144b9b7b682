package h2_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// RFC 9113, section 6.8: GOAWAY comes in two steps. Streams in flight at the first one are
// served.
func TestShutdownSendsGoAwayTwice(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "served")
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p, idle := l.dial(t), l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		done := make(chan error, 1)
		go func() { done <- l.server.Shutdown(context.Background()) }()
		if p.wantGoAway(t, http2.ErrCodeNo).last != 1<<31-1 {
			t.Error("the first GOAWAY names a last stream")
		}
		p.mustDo(t, func() error { return p.request(3, true, get("/")...) })
		p.mustDo(t, func() error { return p.f.WritePing(true, [8]byte([]byte("draining"))) })
		if p.wantGoAway(t, http2.ErrCodeNo).last != 3 {
			t.Error("the second GOAWAY does not name the last stream")
		}
		p.mustDo(t, func() error { return p.request(5, true, get("/")...) })
		p.wantReset(t, 5, http2.ErrCodeRefusedStream)
		if len(done) > 0 || p.isClosed() {
			t.Error("the connection closed with requests in flight")
		}
		close(release)
		p.wantStatus(t, 1, "200")
		p.wantStatus(t, 3, "200")
		// The idle peer does not acknowledge PING; the server does not wait for it for
		// long.
		time.Sleep(time.Second)
		if !idle.isClosed() {
			t.Error("an idle connection is still open")
		}
		if err := <-done; err != nil || !p.isClosed() {
			t.Errorf("shutdown: %v", err)
		}
	})
}

func TestShutdownDeadlineAndClose(t *testing.T) {
	var cause error
	handler := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		cause = context.Cause(r.Context())
	}
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		cause = nil
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := l.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("shutdown: %v", err)
		}
		if p.isClosed() || cause != nil {
			t.Errorf("the connection was closed: %v", cause)
		}
		if err := l.server.Close(); err != nil {
			t.Error(err)
		}
		if synctest.Wait(); cause == nil || !p.isClosed() {
			t.Error("the connection is still open")
		}
	})
}

// Both servers complete requests in flight.
func TestShutdownCompletesRequestsInFlight(t *testing.T) {
	onBothServers(t, func(t *testing.T, own, secure bool) {
		started, release := make(chan struct{}), make(chan struct{})
		handler := func(w http.ResponseWriter, _ *http.Request) {
			close(started)
			<-release
			_, _ = w.Write(pattern(3_000_000))
		}
		s := serveBy(t, own, secure, h2.Options{}, &http.Server{Handler: http.HandlerFunc(handler)})
		responded := make(chan string, 1)
		go func() {
			res, err := s.client.Get(s.url)
			if err != nil {
				responded <- err.Error()
				return
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				responded <- err.Error()
				return
			}
			responded <- sum(text)
		}()
		<-started
		done := make(chan error, 1)
		go func() { done <- s.shutdown(context.Background()) }()
		close(release)
		wantEqual(t, "response", <-responded, sum(pattern(3_000_000)))
		s.client.CloseIdleConnections()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
