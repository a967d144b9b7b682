package wire_test

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

	"github.com/tensorwire/tensorwire/internal/bench/wire"
)

// serve starts a server that answers gRPC as handler says, and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc) *wire.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 4}
	server.Start()
	t.Cleanup(server.Close)
	client := wire.New(strings.TrimPrefix(server.URL, "http://"))
	t.Cleanup(client.Close)
	return client
}

// echo answers with the request's message.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/grpc+proto")
	_, _ = w.Write(body)
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
}

// Messages of any size come whole, also those that are larger than the windows, and of
// more callers than one connection has room for.
func TestMessagesComeBack(t *testing.T) {
	t.Parallel()
	client := serve(t, echo)
	for _, size := range []int{0, 1, 3_000, 65_535, 1 << 20} {
		sent := make([]byte, size)
		for i := range len(sent) / 8 {
			binary.LittleEndian.PutUint64(sent[8*i:], uint64(i))
		}
		request := wire.NewRequest("/test.Service/Echo", sent, time.Minute)
		var callers sync.WaitGroup
		for range 11 {
			callers.Go(func() {
				for range 3 {
					if err := client.Call(t.Context(), request, func(got []byte) error {
						if !bytes.Equal(got, sent) {
							return errors.New("another message")
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

func TestAnswersThatAreNone(t *testing.T) {
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
		err := client.Call(t.Context(), wire.NewRequest(test.path, make([]byte, 1<<20), test.timeout), func([]byte) error { return nil })
		got, ok := errors.AsType[*wire.Error](err)
		if !ok || got.Code != test.code || got.Pushback != test.pushback {
			t.Errorf("%s: %v", test.path, err)
		}
	}
}

// Whoever waits when the connection ends is told.
func TestNobodyWaitsForEver(t *testing.T) {
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
	if err := client.Call(t.Context(), wire.NewRequest("/", nil, 0), func([]byte) error { return nil }); err == nil {
		t.Error("an answer")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := client.Call(ctx, wire.NewRequest("/", nil, 0), func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("no connection: %v", err)
	}
}
