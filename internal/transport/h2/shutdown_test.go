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

// GOAWAY comes in two steps: streams that were under way when the first came are
// served (RFC 9113, 6.8).
func TestShutdownServesWhatIsUnderWay(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = io.WriteString(w, "served")
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p, idle := l.dial(t), l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		done := make(chan error, 1)
		go func() { done <- l.server.Shutdown(context.Background()) }()
		if p.wantGoAway(t, http2.ErrCodeNo).last != 1<<31-1 {
			t.Error("the first GOAWAY names a last stream")
		}
		p.write(t, func() error { return p.request(3, true, get("/")...) })
		p.write(t, func() error { return p.f.WritePing(true, [8]byte([]byte("draining"))) })
		if p.wantGoAway(t, http2.ErrCodeNo).last != 3 {
			t.Error("the second GOAWAY does not name the last stream")
		}
		p.write(t, func() error { return p.request(5, true, get("/")...) })
		p.wantReset(t, 5, http2.ErrCodeRefusedStream)
		if len(done) > 0 || p.over() {
			t.Error("requests under way were not waited for")
		}
		close(release)
		p.wantStatus(t, 1, "200")
		p.wantStatus(t, 3, "200")
		// The idle peer does not answer: it is not waited for long.
		time.Sleep(time.Second)
		if !idle.over() {
			t.Error("an idle connection is still there")
		}
		if err := <-done; err != nil || !p.over() {
			t.Errorf("shutdown: %v", err)
		}
	})
}

func TestShutdownEndsWithItsContextAndCloseKills(t *testing.T) {
	var cause error
	handler := func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		cause = context.Cause(r.Context())
	}
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		cause = nil
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := l.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("shutdown: %v", err)
		}
		if p.over() || cause != nil {
			t.Errorf("the connection was ended: %v", cause)
		}
		if err := l.server.Close(); err != nil {
			t.Error(err)
		}
		if synctest.Wait(); cause == nil || !p.over() {
			t.Error("the connection goes on")
		}
	})
}

// Both servers end alike under http.Server's contract: requests in flight are answered.
func TestShutdownAnswersRequestsInFlight(t *testing.T) {
	servers(t, func(t *testing.T, own, secure bool) {
		started, release := make(chan struct{}), make(chan struct{})
		handler := func(w http.ResponseWriter, _ *http.Request) {
			close(started)
			<-release
			_, _ = w.Write(pattern(3_000_000))
		}
		s := serveBy(t, own, secure, h2.Options{}, &http.Server{Handler: http.HandlerFunc(handler)})
		answered := make(chan string, 1)
		go func() {
			res, err := s.client.Get(s.url)
			if err != nil {
				answered <- err.Error()
				return
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err != nil {
				answered <- err.Error()
				return
			}
			answered <- sum(text)
		}()
		<-started
		done := make(chan error, 1)
		go func() { done <- s.shutdown(context.Background()) }()
		close(release)
		wants(t, "answer", <-answered, sum(pattern(3_000_000)))
		s.client.CloseIdleConnections()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
