package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// counting counts the connections that a listener accepts.
type counting struct {
	net.Listener
	accepted atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return nc, err
}

// No unary call and no stream fails because connections reach their age, and clients connect again.
func TestNoRequestFailsByTheAgeOfItsConnection(t *testing.T) {
	authority := certstest.NewAuthority(t, "authority")
	store, _ := stored(t, authority, false)
	for name, options := range implementations {
		for _, secure := range []bool{false, true} {
			for _, h2 := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, TLS %t, HTTP/2 %t", name, secure, h2), func(t *testing.T) {
					options.MaxConnectionAge, options.Logger = 40*time.Millisecond, slog.New(slog.DiscardHandler)
					s, err := server.New(&telemetry.Lifecycle{}, options, server.Endpoint{Name: "api", Routes: server.RPC(options, func(rpc *connect.Server) {
						modelservingconnect.RegisterPredictorHandler(rpc, service{})
					})})
					if err != nil {
						t.Fatal(err)
					}
					listener := &counting{Listener: listenOn(t, "tcp", "127.0.0.1:0")}
					scheme, trust, config := "http", (*tls.Config)(nil), (*tls.Config)(nil)
					if secure {
						scheme, trust, config = "https", &tls.Config{RootCAs: authority.Pool(), ServerName: "localhost"}, store.Config()
					}
					serveOn(t, s, listener, config)
					t.Cleanup(func() {
						if err := s.Shutdown(context.Background()); err != nil {
							t.Error(err)
						}
					})
					h := client(t, listener, h2, trust, "")
					predictor := modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(h, scheme+"://localhost")))
					ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
					defer cancel()
					var group sync.WaitGroup
					var calls atomic.Int64
					for range 4 {
						group.Go(func() {
							for ctx.Err() == nil {
								if _, err := predictor.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 100_000)}); err != nil { //nolint:contextcheck // calls outlive the load's end
									t.Errorf("call: %v", err)
									return
								}
								calls.Add(1)
							}
						})
						if h2 {
							group.Go(func() { frames(ctx, t, predictor) })
						}
					}
					group.Wait()
					if listener.accepted.Load() < 3 {
						t.Errorf("%d connections for %d calls", listener.accepted.Load(), calls.Load())
					}
				})
			}
		}
	}
}

// frames sends frames on one stream until done ends, and gets each back.
func frames(done context.Context, t *testing.T, predictor modelservingconnect.PredictorClient) {
	t.Helper()
	stream, err := predictor.StreamPredict(t.Context()) //nolint:contextcheck // ends normally after done
	if err != nil {
		t.Errorf("stream: %v", err)
		return
	}
	for n := 0; done.Err() == nil; n++ {
		id := fmt.Sprint(n)
		if err := stream.Send(&modelserving.InferenceRequest{Id: id}); err != nil {
			t.Errorf("frame %d: %v", n, err)
			return
		}
		if response, err := stream.Receive(); err != nil || response.GetId() != id {
			t.Errorf("frame %d: %v, %v", n, response, err)
			return
		}
		time.Sleep(time.Millisecond)
	}
	if err := stream.CloseSend(); err != nil {
		t.Errorf("end: %v", err)
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
}

// An idle connection of HTTP/1.1 is not closed by its age: the client may just send a request.
func TestTheAgeOfHTTP1EndsWithAResponse(t *testing.T) {
	s := describing(t, server.Options{MaxConnectionAge: time.Nanosecond})
	listener := listenOn(t, "tcp", "127.0.0.1:0")
	serveOn(t, s, listener, nil)
	c := client(t, listener, false, nil, "")
	response, err := c.Get("http://localhost/describe")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if !response.Close || response.StatusCode != http.StatusOK {
		t.Errorf("status %d, close %t", response.StatusCode, response.Close)
	}
}
