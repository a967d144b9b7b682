package load_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/load"
)

// serve starts a gRPC server with a handler, and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *load.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 4}
	server.Start()
	t.Cleanup(server.Close)
	client := load.NewClient(strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(client.Close)
	return client
}

// echo returns the request's message.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/grpc+proto")
	_, _ = w.Write(body)
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// Messages are intact at any size, also above the flow-control window, and with more
// callers than one connection has streams.
func TestMessagesArriveIntact(t *testing.T) {
	t.Parallel()
	client := serve(t, echo)
	for _, size := range []int{0, 1, 3_000, 65_535, 1 << 20} {
		sent := make([]byte, size)
		for i := range len(sent) / 8 {
			binary.LittleEndian.PutUint64(sent[8*i:], uint64(i))
		}
		request := load.NewRequest("/test.Service/Echo", sent, time.Minute)
		var callers sync.WaitGroup
		for range 11 {
			callers.Go(func() {
				for range 3 {
					if err := client.Call(t.Context(), request, func(got []byte) error {
						if !bytes.Equal(got, sent) {
							return errors.New("a different message")
						}
						return nil
					}); err != nil {
						t.Errorf("%d bytes: %v", size, err)
					}
				}
			})
		}
		callers.Wait()
	}
}

func TestErrorStatuses(t *testing.T) {
	t.Parallel()
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refused":
			w.Header().Set("Grpc-Status", "14")
			w.Header().Set("Grpc-Message", "busy")
			w.Header().Set("Grpc-Retry-Pushback-Ms", "1000")
		case "/unavailable":
			w.Header().Set("Grpc-Status", "14")
		case "/aborted":
			panic(http.ErrAbortHandler)
		case "/short":
			_, _ = w.Write([]byte{0, 0, 0, 0, 9, 1})
			w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
		case "/late":
			if timeout := r.Header.Get("Grpc-Timeout"); timeout != "50m" {
				t.Errorf("the timeout is %q", timeout)
			}
			<-r.Context().Done()
		}
	})
	for _, test := range []struct {
		path     string
		timeout  time.Duration
		code     connect.Code
		pushback bool
	}{
		{"/refused", 0, connect.CodeUnavailable, true},
		{"/unavailable", 0, connect.CodeUnavailable, false},
		{"/none", 0, connect.CodeUnknown, false},
		{"/aborted", 0, connect.CodeInternal, false},
		{"/short", 0, connect.CodeInternal, false},
		{"/late", 50 * time.Millisecond, connect.CodeDeadlineExceeded, false},
	} {
		err := client.Call(t.Context(), load.NewRequest(test.path, make([]byte, 1<<20), test.timeout), func([]byte) error { return nil })
		got, ok := errors.AsType[*load.StatusError](err)
		if !ok || got.Code != test.code || got.Pushback != test.pushback {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}

// Requests in flight end when the connection does.
func TestCloseEndsRequests(t *testing.T) {
	t.Parallel()
	waiting := make(chan struct{})
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(waiting)
		<-r.Context().Done()
	})
	go func() {
		<-waiting
		client.Close()
	}()
	if err := client.Call(t.Context(), load.NewRequest("/", nil, 0), func([]byte) error { return nil }); err == nil {
		t.Error("the request has a response")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Call(ctx, load.NewRequest("/", nil, 0), func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("dial with a canceled context: %v", err)
	}
}
