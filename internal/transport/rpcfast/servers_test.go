package rpcfast_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/transport/h2"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// serveHTTP serves on a free port until the test ends, with net/http's HTTP/2 or ours,
// and returns the address as a URL.
func serveHTTP(t *testing.T, handler http.Handler, own bool) string {
	t.Helper()
	srv := &http.Server{Handler: handler}
	shutdown := srv.Shutdown
	if own {
		hs := h2.Configure(srv, h2.Options{})
		shutdown = func(ctx context.Context) error { return errors.Join(srv.Shutdown(ctx), hs.Shutdown(ctx)) }
	} else {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		if err := shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// dial returns a client's connections of one HTTP version.
func dial(t *testing.T, http2 bool) *http.Transport {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols), DisableCompression: true}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// exchange returns what a caller sees of an answer that came over the network.
func exchange(t *testing.T, transport *http.Transport, url string, q request) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), q.method, url+"/test.S/"+q.procedure, bytes.NewReader(q.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "status %d\n", res.StatusCode)
	describeBody(&b, res.Header, body)
	for _, name := range []string{"Date", "Content-Length", "Trailer"} {
		res.Header.Del(name) // what HTTP needs, or may have
	}
	for title, header := range map[string]http.Header{"header": res.Header, "trailer": res.Trailer} {
		for _, name := range slices.Sorted(maps.Keys(header)) {
			if len(header[name]) > 0 {
				fmt.Fprintf(&b, "%s %s: %q\n", title, name, header[name])
			}
		}
	}
	lines := strings.Split(b.String(), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Over the network, with either server, both paths behave the same as without it. Errors
// and trailers depend on how a server treats header fields that a handler sets late.
func TestServersAnswerAlike(t *testing.T) {
	for _, server := range []struct {
		name        string
		own, client bool
	}{{"HTTP/1.1", false, false}, {"HTTP/2 of net/http", false, true}, {"HTTP/2 of h2", true, true}} {
		t.Run(server.name, func(t *testing.T) {
			both := bothSides()
			theirs, ours := serveHTTP(t, both.theirs.handler, server.own), serveHTTP(t, both.ours.handler, server.own)
			transport := dial(t, server.client)
			for _, letters := range []string{"", "s", "S", "M", "hts", "hxe", "f", "htf", "Hsf", "HRe", "ssSs", "p", "Rsss"} {
				for _, procedure := range procedures {
					for _, contentType := range contentTypes[:5] {
						for _, tail := range [][]byte{nil, envelope(0, script(t, "", 100)), {0, 0, 0}} {
							q := request{procedure: procedure, method: http.MethodPost, header: map[string]string{"Content-Type": contentType}, body: script(t, letters, 5000)}
							if isEnveloped(contentType) {
								q.body = append(envelope(0, q.body), tail...)
							}
							if want, got := exchange(t, transport, theirs, q), exchange(t, transport, ours, q); got != want {
								t.Errorf("%s of %s as %s answers\n%.2000s\nwant\n%.2000s", letters, procedure, contentType, got, want)
							}
						}
					}
				}
			}
		})
	}
}

// Bidirectional streams continue while both sides send, and end when the client disconnects.
func TestStreamsAreFullDuplexAndEndWithTheirCaller(t *testing.T) {
	for _, own := range []bool{false, true} {
		for _, contentType := range []string{"application/grpc", "application/grpc-web"} {
			ended := make(chan error, 2)
			server := connect.NewServer()
			server.Register(connect.Method{
				Spec: connect.Spec{StreamType: connect.StreamTypeBidi, Procedure: "/test.S/Bidi"},
				Handler: func(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
					err := echoAll(stream)
					ended <- err
					<-ctx.Done()
					ended <- ctx.Err()
					return err
				},
			})
			mux := http.NewServeMux()
			rpcfast.Mount(mux, server, rpcfast.Options{})
			url := serveHTTP(t, mux, own)
			ctx, cancel := context.WithCancel(t.Context())
			body, send := io.Pipe()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/test.S/Bidi", body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", contentType)
			got := make(chan *http.Response, 1)
			go func() {
				res, err := dial(t, true).RoundTrip(r)
				if err != nil {
					t.Error(err)
				}
				got <- res
			}()
			var res *http.Response
			for i := range 10 {
				sent := envelope(0, script(t, "", 30_000+i))
				if _, err := send.Write(sent); err != nil {
					t.Fatal(err)
				}
				if res == nil {
					if res = <-got; res == nil {
						t.FailNow()
					}
				}
				back := make([]byte, len(sent))
				if _, err := io.ReadFull(res.Body, back); err != nil || !bytes.Contains(back, pattern(30_000+i)) {
					t.Fatalf("message %d did not come back: %v", i, err)
				}
			}
			cancel()
			_ = send.CloseWithError(context.Canceled) // for a client that waits for the pipe
			if err := <-ended; connect.CodeOf(err) != connect.CodeCanceled {
				t.Errorf("the stream ended with %v", err)
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the handler's context ended with %v", err)
			}
			_ = res.Body.Close() // it was canceled
		}
	}
}

// echoAll sends back what it receives, in messages of the same encoding, until an error.
func echoAll(stream connect.ServerStream) error {
	for {
		m := &inference.ModelInferRequest{}
		if err := stream.Receive(m); err != nil {
			return err
		}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
}
