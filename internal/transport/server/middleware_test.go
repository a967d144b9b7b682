package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// Authentication is one entry in the chain, an API is one route, and an admin listener is one
// endpoint.
func Example() {
	lifecycle, options := &telemetry.Lifecycle{}, server.Options{}
	text := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	auth := server.Middleware{Name: "auth", Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				http.Error(w, "no credentials", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}}
	routes := []server.Route{
		{Prefix: "/v1", Handler: text("version 1")},
		{Prefix: "/v2", Handler: text("version 2")},
		{Pattern: "/", Handler: text("page"), Quiet: true},
	}
	chain, err := server.StandardMiddleware(options, routes)
	if err != nil {
		panic(err)
	}
	if chain, err = chain.Before(server.BodyLimits, auth); err != nil {
		panic(err)
	}
	s, err := server.New(lifecycle, options,
		server.Endpoint{Name: "api", Routes: routes, Middleware: chain},
		server.Endpoint{Name: "admin", Routes: server.Probes(readyOf(lifecycle))},
	)
	if err != nil {
		panic(err)
	}
	get := func(endpoint, path, credentials string) {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, nil)
		r.Header.Set("Authorization", credentials)
		w := httptest.NewRecorder()
		s.Handler(endpoint).ServeHTTP(w, r)
		fmt.Println(endpoint, path, w.Code, strings.TrimSpace(w.Body.String()))
	}
	get("api", "/v1/models/m", "")
	get("api", "/v1/models/m", "Bearer token")
	get("api", "/v2", "Bearer token")
	get("api", "/readyz", "Bearer token")
	get("admin", "/readyz", "")
	// Output:
	// api /v1/models/m 401 no credentials
	// api /v1/models/m 200 version 1
	// api /v2 200 version 2
	// api /readyz 200 page
	// admin /readyz 503 not ready: for the test
}

func TestChain(t *testing.T) {
	standard, err := server.StandardMiddleware(server.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	names := func(c server.Chain) (names []string) {
		for _, m := range c {
			names = append(names, m.Name)
		}
		return names
	}
	pass := func(next http.Handler) http.Handler { return next }
	before, err := standard.Before(server.Recovery, server.Middleware{Name: "a", Wrap: pass})
	if err != nil {
		t.Fatal(err)
	}
	after, err := before.After(server.TrailersOnly, server.Middleware{Name: "b", Wrap: pass})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names(after)); got != "[forwarded request-id headers access-log a recovery body-limits origins trailers-only b]" {
		t.Errorf("the chain is %v", got)
	}
	if got := fmt.Sprint(names(standard)); got != "[forwarded request-id headers access-log recovery body-limits origins trailers-only]" {
		t.Errorf("the standard chain became %v", got)
	}
	if _, err := standard.Before("auth", server.Middleware{Name: "a", Wrap: pass}); err == nil || !strings.Contains(err.Error(), `"auth"`) {
		t.Errorf("next to an unknown name: %v", err)
	}
	twice, err := after.After("a", server.Middleware{Name: "a", Wrap: pass})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(&telemetry.Lifecycle{}, server.Options{}, server.Endpoint{Middleware: twice}); err == nil || !strings.Contains(err.Error(), `"a" is in the chain twice`) {
		t.Errorf("a name twice: %v", err)
	}
}

// attributes are those of every line of the access log.
var attributes = []string{
	"bytes_in", "bytes_out", "code", "codec", "duration", "http", "level", "method", "model", "msg", "path", "peer", "protocol", "request_id", "status", "time", "trace_id", "version",
}

// logBuffer is a log that is written while it is read.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// until returns the log once it has a text: a line may follow its response.
func (b *logBuffer) until(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		b.mu.Lock()
		log := b.text.String()
		b.mu.Unlock()
		if strings.Contains(log, text) {
			return log
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in\n%s", text, log)
		}
	}
}

// Every protocol has the same line in the access log, and pages, probes and health have none.
func TestAccessLogIsTheSameForEveryProtocol(t *testing.T) {
	var lines logBuffer
	log := slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	address, _ := startService(t, service{}, server.Options{Logger: log})
	for _, path := range []string{"/", "/livez", "/readyz"} {
		get(t, "http://"+address+path)
	}
	do(t, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", strings.NewReader(`{}`), "Content-Type", "application/json")
	names := []string{connect.ProtocolNameConnect, connect.ProtocolNameGRPC, connect.ProtocolNameGRPCWeb}
	for _, name := range names {
		client := predictor(httpClient(t, true), address, protocols[name]...)
		if _, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "named", RawImage: make([]byte, 100)}); err != nil {
			t.Fatal(err)
		}
		_, _ = client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "panic"}) // the log says how it ended
	}
	do(t, http.MethodPost, "http://"+address+"/v2/models/m/infer", strings.NewReader("{}"), "X-Request-Id", "from-the-client")
	do(t, http.MethodPost, "http://"+address+"/v2/panic", strings.NewReader("{}"))
	do(t, http.MethodPost, "http://"+address+"/some.Service/Method", strings.NewReader("{}"), "Content-Type", "application/json")

	var got []string
	for line := range strings.Lines(lines.until(t, "/some.Service/Method")) {
		var values map[string]any
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		if values["msg"] != "request" {
			continue
		}
		got = append(got, fmt.Sprint(values["protocol"], " ", values["path"], " ", values["code"], " ", values["status"], " model ", values["model"], " ", values["version"]))
		id := values["request_id"]
		if id == "" || (values["path"] == "/v2/models/m/infer") != (id == "from-the-client") {
			t.Errorf("request ID %q: %s", id, line)
		}
		if values["code"] == "ok" && (values["bytes_in"] == 0.0 || values["bytes_out"] == 0.0) {
			t.Errorf("bytes are not counted: %s", line)
		}
		delete(values, "error")
		var keys []string
		for key := range values {
			keys = append(keys, key)
		}
		if slices.Sort(keys); !slices.Equal(keys, attributes) {
			t.Errorf("attributes %v of %s", keys, line)
		}
	}
	var want []string
	for _, name := range names {
		want = append(want, name+" /modelserving.Predictor/FastPredict ok 200 model named 7")
		status := "200"
		if name == connect.ProtocolNameConnect {
			status = "500"
		}
		want = append(want, name+" /modelserving.Predictor/FastPredict internal "+status+" model  ")
	}
	want = append(want, "http /v2/models/m/infer ok 200 model  ", "http /v2/panic internal 500 model  ", "http /some.Service/Method unimplemented 404 model  ")
	if !slices.Equal(got, want) {
		t.Errorf("the access log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every response has a request ID: the client's own where that is valid.
func TestRequestID(t *testing.T) {
	address, _ := start(t, server.Options{})
	seen := map[string]bool{}
	for sent, kept := range map[string]bool{"": false, "abc-123": true, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "two words": false, "\xc3\xa9": false} {
		for _, path := range []string{"/", "/v2/models", "/livez", "/modelserving.Predictor/FastPredict"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Request-Id", sent)
			res, err := httpClient(t, false).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			id := res.Header.Get("X-Request-Id")
			if id == "" || (id == sent) != kept || !kept && seen[id] {
				t.Errorf("%s: sent %q, got %q", path, sent, id)
			}
			seen[id] = true
		}
	}
}

// The endpoints stop in order: the admin endpoint answers while the API drains.
func TestShutdownDrainsEndpointsInOrder(t *testing.T) {
	lifecycle := &telemetry.Lifecycle{}
	lifecycle.SetReady(true)
	options := server.Options{Logger: slog.New(slog.DiscardHandler)}
	var listeners [2]net.Listener
	for i := range listeners {
		var err error
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	running, release := make(chan struct{}), make(chan struct{})
	during := service{during: func() { close(running); <-release }}
	s, err := server.New(lifecycle, options,
		server.Endpoint{Name: "api", Routes: server.RPC(options, func(rpc *connect.Server) { modelservingconnect.RegisterPredictorHandler(rpc, during) })},
		server.Endpoint{Name: "admin", Routes: server.Probes(readyOf(lifecycle))})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 2)
	go func() { served <- s.Serve("api", listeners[0]) }()
	go func() { served <- s.Serve("admin", listeners[1]) }()
	called := make(chan error, 1)
	client := grpcClient(t, listeners[0].Addr().String())
	go func() {
		_, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{})
		called <- err
	}()
	<-running
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(context.Background()) }()
	<-lifecycle.Draining()
	if status, text := get(t, "http://"+listeners[1].Addr().String()+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("during the drain /readyz is %d %s", status, text)
	}
	close(release)
	for _, done := range []chan error{called, stopped, served, served} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
