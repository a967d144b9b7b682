package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// unreadServer serves /large, which writes until its client has left, /some, which writes 64 MiB,
// and /busy, which ends with its client or when release is closed.
func unreadServer(t *testing.T, options server.Options) (s *server.Server, address string, log *bytes.Buffer, release chan struct{}) {
	t.Helper()
	log, release = &bytes.Buffer{}, make(chan struct{})
	options.Logger = slog.New(slog.NewTextHandler(log, nil))
	write := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			piece := make([]byte, 1<<20)
			for i := 0; n == 0 || i < n; i++ {
				if _, err := w.Write(piece); err != nil {
					return
				}
			}
		}
	}
	routes := []server.Route{
		{Pattern: "/large", Handler: write(0)},
		{Pattern: "/some", Handler: write(64)},
		{Pattern: "/busy", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})},
	}
	s, err := server.New(&telemetry.Lifecycle{}, options, server.Endpoint{Name: "api", Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("api", listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Shutdown(ctx) // the test has done so
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, listener.Addr().String(), log, release
}

// begin sends a request and returns when its response has begun. Its body is not read.
func begin(t *testing.T, address, path string, h2c bool) io.Reader {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2c)
	transport.Protocols.SetUnencryptedHTTP2(h2c)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close(); transport.CloseIdleConnections() })
	return res.Body
}

// shutdown shuts the server down within a time.
func shutdown(t *testing.T, s *server.Server, timeout time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return s.Shutdown(ctx)
}

// A drain does not wait for clients that do not read their responses, and does not fail because
// of them.
func TestDrainDoesNotWaitForClientsThatDoNotRead(t *testing.T) {
	for _, netHTTP2 := range []bool{false, true} {
		for _, h2c := range []bool{false, true} {
			t.Run(fmt.Sprintf("net/http %v, h2c %v", netHTTP2, h2c), func(t *testing.T) {
				s, address, log, _ := unreadServer(t, server.Options{NetHTTP2: netHTTP2})
				for range 3 {
					begin(t, address, "/large", h2c)
				}
				if err := shutdown(t, s, 3*time.Second); err != nil {
					t.Error(err)
				}
				if !strings.Contains(log.String(), "do not read") {
					t.Errorf("the log is %q", log)
				}
			})
		}
	}
}

// A client that pipelines requests and reads no response blocks the last part of a response, after
// its handler has returned.
func TestDrainDoesNotWaitForPipelinedResponses(t *testing.T) {
	s, address, _, release := unreadServer(t, server.Options{})
	close(release)
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	go func() {
		for { // until the server reads no more, because it cannot write
			if _, err := io.WriteString(nc, strings.Repeat("GET /unknown HTTP/1.1\r\nHost: x\r\n\r\n", 1000)); err != nil {
				return
			}
		}
	}()
	begin(t, address, "/busy", false)
	if err := shutdown(t, s, 3*time.Second); err != nil {
		t.Error(err)
	}
}

// A request whose handler runs, and a client that reads slowly, have the whole time of the drain.
func TestDrainWaitsForOthers(t *testing.T) {
	s, address, log, release := unreadServer(t, server.Options{})
	begin(t, address, "/large", false)
	busy := begin(t, address, "/busy", false)
	slow := begin(t, address, "/some", false)
	read := make(chan error, 1)
	go func() {
		n := 0
		piece := make([]byte, 1<<20)
		for n < 64<<20 {
			time.Sleep(20 * time.Millisecond)
			got, err := io.ReadFull(slow, piece)
			if n += got; err != nil {
				read <- fmt.Errorf("after %d bytes: %w", n, err)
				return
			}
		}
		close(release)
		_, err := io.Copy(io.Discard, busy)
		read <- err
	}()
	if err := shutdown(t, s, time.Minute); err != nil {
		t.Error(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "do not read") {
		t.Errorf("the log is %q", log)
	}
}

// A drain whose time ends while a handler runs is an error, also beside clients that do not read.
func TestDrainFailsForRequestsThatAreCutOff(t *testing.T) {
	s, address, _, _ := unreadServer(t, server.Options{})
	begin(t, address, "/large", false)
	begin(t, address, "/busy", true)
	if err := shutdown(t, s, 300*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}
