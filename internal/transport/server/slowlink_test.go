package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// memoryListener is a listener of in-memory connections, for which time can be simulated.
type memoryListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *memoryListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

// onSlowLink runs test with a connection to a server with the default options, in a synctest bubble.
func onSlowLink(t *testing.T, test func(t *testing.T, nc net.Conn, b *admission.Budget)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := admission.New(100 * mb)
		lifecycle := &telemetry.Lifecycle{}
		s, err := server.New(lifecycle, server.Options{Budget: b, Logger: slog.New(slog.DiscardHandler)},
			server.Endpoint{Name: "api", Routes: []server.Route{{Prefix: "/v2", Handler: http.HandlerFunc(rest)}}})
		if err != nil {
			t.Fatal(err)
		}
		l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- s.Serve("api", l) }()
		ours, theirs := net.Pipe()
		l.conns <- theirs
		test(t, ours, b)
		_ = ours.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if b.Used() != 0 {
			t.Errorf("%d bytes are still reserved", b.Used())
		}
	})
}

// A server of an embedding program may serve other handlers on the same connection, which have no
// deadline of ours.
func TestDeadlinesEndWithTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := server.New(&telemetry.Lifecycle{}, server.Options{Logger: slog.New(slog.DiscardHandler)},
			server.Endpoint{Name: "api", Routes: []server.Route{{Prefix: "/v2", Handler: http.HandlerFunc(rest)}}})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.Handle("/v2/", s.Handler("api"))
		mux.HandleFunc("/other", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "other") })
		l := &memoryListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		own := &http.Server{Handler: mux}
		served := make(chan error, 1)
		go func() { served <- own.Serve(l) }()
		ours, theirs := net.Pipe()
		l.conns <- theirs
		answers := bufio.NewReader(ours)
		for _, path := range []string{"/v2/x", "/other", "/v2/x"} {
			if _, err := fmt.Fprintf(ours, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", path); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if text, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("%s: %s %q, %v", path, res.Status, text, err)
			}
			_ = res.Body.Close() // always nil
			time.Sleep(time.Hour)
		}
		_ = ours.Close()
		_ = own.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// photo is the size of a photo in bytes, and chunk what its link moves at once.
const (
	photo = 3 * mb
	chunk = 10_000
)

// upload sends a photo at a rate in bytes per second, with one pause, and returns the response.
func upload(t *testing.T, nc net.Conn, rate int, pause time.Duration) string {
	t.Helper()
	var sender sync.WaitGroup
	defer sender.Wait()
	defer nc.Close()
	sender.Go(func() {
		_, err := fmt.Fprintf(nc, "POST /v2/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", photo)
		for sent := 0; sent < photo && err == nil; sent += chunk {
			if sent == photo/2 {
				time.Sleep(pause)
			}
			time.Sleep(time.Second * chunk / time.Duration(rate))
			_, err = nc.Write(make([]byte, chunk))
		}
	})
	res, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body) // what came counts
	return string(text)
}

// A phone on a bad network delivers its photo; what makes no progress is cut off.
func TestMinimumReadRate(t *testing.T) {
	for _, test := range []struct {
		name  string
		rate  int
		pause time.Duration
		want  string
	}{
		{name: "60 kB/s", rate: 60_000, want: "3000000 <nil>"},
		{name: "60 kB/s with a pause", rate: 60_000, pause: 25 * time.Second, want: "3000000 <nil>"},
		{name: "20 kB/s", rate: 20_000, want: "3000000 <nil>"},
		{name: "10 kB/s", rate: 10_000, want: "too slowly"},
		{name: "1 MB/s and a stop", rate: mb, pause: time.Hour, want: "too slowly"},
	} {
		t.Run(test.name, func(t *testing.T) {
			onSlowLink(t, func(t *testing.T, nc net.Conn, _ *admission.Budget) {
				if text := upload(t, nc, test.rate, test.pause); !strings.Contains(text, test.want) {
					t.Error(text)
				}
			})
		})
	}
}

// download reads a large response at a rate in bytes per second, with one pause, and returns how
// much arrived.
func download(nc net.Conn, rate int, pause time.Duration) (got int) {
	go func() {
		_, _ = io.WriteString(nc, "POST /v2/large HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx") // the response reports the outcome
	}()
	buf := make([]byte, 64<<10)
	for got < largeResponse {
		if got > largeResponse/2 && pause > 0 {
			time.Sleep(pause)
			pause = 0
		}
		n, err := nc.Read(buf)
		got += n
		if err != nil {
			break
		}
		time.Sleep(time.Duration(float64(n) / float64(rate) * float64(time.Second)))
	}
	return got
}

// The same holds for responses over HTTP/1.1. A cut off one releases its memory.
func TestMinimumWriteRate(t *testing.T) {
	for _, test := range []struct {
		name  string
		rate  int
		pause time.Duration
		whole bool
	}{
		{name: "20 kB/s", rate: 20_000, whole: true},
		{name: "60 kB/s with a pause", rate: 60_000, pause: 25 * time.Second, whole: true},
		{name: "10 kB/s", rate: 10_000},
		{name: "1 MB/s and a stop", rate: mb, pause: time.Hour},
		{name: "nothing", rate: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			onSlowLink(t, func(t *testing.T, nc net.Conn, b *admission.Budget) {
				got := download(nc, test.rate, test.pause)
				if whole := got >= largeResponse; whole != test.whole {
					t.Errorf("%d of %d bytes arrived", got, largeResponse)
				}
				if synctest.Wait(); b.Used() != 0 {
					t.Errorf("%d bytes are reserved", b.Used())
				}
			})
		})
	}
}
