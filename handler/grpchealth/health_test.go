package grpchealth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a server with models.
type fake struct {
	snapshot  atomic.Pointer[infer.Snapshot]
	notReady  atomic.Bool
	lifecycle telemetry.Lifecycle
	changes   Changes
	health    *Service
	address   string
	stop      func(context.Context) error
}

// Snapshot implements Models.
func (f *fake) Snapshot() *infer.Snapshot { return f.snapshot.Load() }

// set changes the models, which are "m", with versions of these states, the newest first, and
// "none", which waits to be loaded by request.
func (f *fake) set(states ...repository.State) {
	m := &infer.Model{Name: "m"}
	for i, state := range states {
		m.Versions = append(m.Versions, &infer.Version{Model: "m", Number: int64(len(states) - i), State: state})
	}
	f.snapshot.Store(&infer.Snapshot{Models: []*infer.Model{m, {Name: "none"}}})
	f.changes.Notify()
}

func newFake(t *testing.T, options Options) *fake {
	t.Helper()
	f := &fake{}
	f.lifecycle.SetReady(true)
	f.set(repository.Unavailable, repository.Ready)
	ready := func() error {
		if f.notReady.Load() {
			return errors.New("for the test")
		}
		return nil
	}
	options.Changes = &f.changes
	f.health = New(f, &f.lifecycle, ready, options)
	other := func(rpc *connect.Server) {
		rpc.Register(connect.Method{Spec: connect.Spec{Procedure: "/some.Service/Method"}, Handler: func(context.Context, connect.Spec, connect.ServerStream) error { return nil }})
	}
	tuning := server.Options{Logger: slog.New(slog.DiscardHandler)}
	s, err := server.New(&f.lifecycle, tuning, server.Endpoint{Name: "api", Routes: server.RPC(tuning, other, f.health.Register)})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("api", listener) }()
	f.address, f.stop = "http://"+listener.Addr().String(), s.Shutdown
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return f
}

func httpClient(t *testing.T, h2c bool) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!h2c)
	tr.Protocols.SetUnencryptedHTTP2(h2c)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (f *fake) client(t *testing.T, h2c bool, options ...connecthttp.Option) *connect.Client {
	t.Helper()
	return connect.NewClient(connecthttp.NewTransport(httpClient(t, h2c), f.address, options...))
}

func spec(name string, kind connect.StreamType) connect.Spec {
	return connect.Spec{StreamType: kind, Procedure: "/grpc.health.v1.Health/" + name}
}

func request(name string) *dynamicpb.Message {
	m := dynamicpb.NewMessage(checkRequest)
	m.Set(serviceField, protoreflect.ValueOfString(name))
	return m
}

func statusIn(m *dynamicpb.Message) servingStatus { return servingStatus(m.Get(statusField).Enum()) }

func check(ctx context.Context, client *connect.Client, name string) (servingStatus, error) {
	response := dynamicpb.NewMessage(checkResponse)
	err := client.CallUnary(ctx, spec("Check", connect.StreamTypeUnary), request(name), response)
	return statusIn(response), err
}

// watch begins a watch. next returns its next status.
func watch(ctx context.Context, t *testing.T, client *connect.Client, name string) (next func() (servingStatus, error)) {
	t.Helper()
	stream, err := client.CallClientStream(ctx, spec("Watch", connect.StreamTypeServer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	if err := errors.Join(stream.Send(request(name)), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	return func() (servingStatus, error) {
		response := dynamicpb.NewMessage(checkResponse)
		err := stream.Receive(response)
		return statusIn(response), err
	}
}

func want(t *testing.T, next func() (servingStatus, error), expected servingStatus) {
	t.Helper()
	if got, err := next(); err != nil || got != expected {
		t.Errorf("status %d, %v, want %d", got, err, expected)
	}
}

// transports are all protocols and codecs, and the HTTP versions that have them.
var transports = map[string]struct {
	h2c     bool
	options []connecthttp.Option
}{
	"gRPC":                    {true, []connecthttp.Option{connecthttp.WithGRPC()}},
	"gRPC, JSON":              {true, []connecthttp.Option{connecthttp.WithGRPC(), connecthttp.WithProtoJSON()}},
	"gRPC-Web":                {true, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	"gRPC-Web, HTTP/1.1":      {false, []connecthttp.Option{connecthttp.WithGRPCWeb()}},
	"Connect":                 {true, nil},
	"Connect, HTTP/1.1":       {false, nil},
	"Connect, JSON, HTTP/1.1": {false, []connecthttp.Option{connecthttp.WithProtoJSON()}},
}

func TestEveryProtocolChecksWatchesAndLists(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, Options{})
			client := f.client(t, transport.h2c, transport.options...)
			if got, err := check(t.Context(), client, "m"); err != nil || got != statusServing {
				t.Errorf("check: %d, %v", got, err)
			}
			response := dynamicpb.NewMessage(listResponse)
			if err := client.CallUnary(t.Context(), spec("List", connect.StreamTypeUnary), dynamicpb.NewMessage(listRequest), response); err != nil {
				t.Fatal(err)
			}
			listed := map[string]servingStatus{}
			response.Get(statusesField).Map().Range(func(key protoreflect.MapKey, v protoreflect.Value) bool {
				listed[key.String()] = servingStatus(v.Message().Get(statusField).Enum())
				return true
			})
			expected := map[string]servingStatus{"": statusServing, "some.Service": statusServing, wire.HealthService: statusServing, "m": statusServing, "none": statusNotServing}
			if fmt.Sprint(listed) != fmt.Sprint(expected) {
				t.Errorf("list: %v, want %v", listed, expected)
			}
			next := watch(t.Context(), t, client, "m")
			want(t, next, statusServing)
			f.set(repository.Loading)
			want(t, next, statusNotServing)
			f.set(repository.Ready)
			want(t, next, statusServing)
		})
	}
}

func TestCheckFindsServicesModelsAndVersions(t *testing.T) {
	f := newFake(t, Options{})
	client := f.client(t, true, connecthttp.WithGRPC())
	for name, expected := range map[string]servingStatus{
		"": statusServing, "some.Service": statusServing, wire.HealthService: statusServing,
		"m": statusServing, "m/1": statusServing, "m/2": statusNotServing, "none": statusNotServing, "none/1": statusNotServing,
	} {
		if got, err := check(t.Context(), client, name); err != nil || got != expected {
			t.Errorf("%q: %d, %v, want %d", name, got, err, expected)
		}
	}
	for _, name := range []string{"unknown", "m/3", "m/", "m/x", "m/1/2", "/", "/1", "some.Service/1", strings.Repeat("x", 4000)} {
		if _, err := check(t.Context(), client, name); connect.CodeOf(err) != connect.CodeNotFound || len(err.Error()) > 300 {
			t.Errorf("%q: %v", name, err)
		}
	}
	f.notReady.Store(true)
	for name, expected := range map[string]servingStatus{"": statusNotServing, "some.Service": statusNotServing, "m": statusServing} {
		if got, err := check(t.Context(), client, name); err != nil || got != expected {
			t.Errorf("not ready, %q: %d, %v, want %d", name, got, err, expected)
		}
	}
	f.notReady.Store(false)
	f.lifecycle.Stop()
	for _, name := range []string{"", "some.Service", "m", "m/1"} {
		if got, err := check(t.Context(), client, name); err != nil || got != statusNotServing {
			t.Errorf("stopped, %q: %d, %v", name, got, err)
		}
	}
}

// The bytes on the wire are the protocol's, and the JSON has its names.
func TestWireFormat(t *testing.T) {
	f := newFake(t, Options{})
	for contentType, body := range map[string][2]string{
		"application/proto": {"\x0a\x01m", "\x08\x01"},
		"application/json":  {`{"service":"m"}`, `{"status":"SERVING"}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.address+"/grpc.health.v1.Health/Check", strings.NewReader(body[0]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := httpClient(t, false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || strings.ReplaceAll(string(got), `": "`, `":"`) != body[1] {
			t.Errorf("%s: %s %q, %v", contentType, res.Status, got, err)
		}
	}
}

// A watch of an unknown name waits for it, as the protocol requires.
func TestWatchOfAnUnknownName(t *testing.T) {
	f := newFake(t, Options{})
	next := watch(t.Context(), t, f.client(t, true, connecthttp.WithGRPC()), "m/3")
	want(t, next, statusServiceUnknown)
	f.set(repository.Loading, repository.Ready, repository.Ready)
	want(t, next, statusNotServing)
	f.set(repository.Ready, repository.Ready, repository.Ready)
	want(t, next, statusServing)
}

// Failures of calls notify nobody: a watch looks for them.
func TestWatchLooksForWhatDoesNotNotify(t *testing.T) {
	f := newFake(t, Options{Interval: time.Millisecond})
	next := watch(t.Context(), t, f.client(t, true, connecthttp.WithGRPC()), "")
	want(t, next, statusServing)
	f.notReady.Store(true)
	want(t, next, statusNotServing)
}

func TestWatchEndsWithTheDrain(t *testing.T) {
	f := newFake(t, Options{})
	client := f.client(t, true, connecthttp.WithGRPC())
	server, model, unknown := watch(t.Context(), t, client, ""), watch(t.Context(), t, client, "m"), watch(t.Context(), t, client, "x")
	want(t, server, statusServing)
	want(t, model, statusServing)
	want(t, unknown, statusServiceUnknown)
	if err := f.stop(t.Context()); err != nil {
		t.Errorf("a watch keeps the server from stopping: %v", err)
	}
	want(t, server, statusNotServing)
	want(t, model, statusNotServing)
	for name, next := range map[string]func() (servingStatus, error){"": server, "m": model, "x": unknown} {
		if _, err := next(); connect.CodeOf(err) != connect.CodeUnavailable {
			t.Errorf("the watch of %q ends with %v", name, err)
		}
	}
}

func TestWatchesAreBounded(t *testing.T) {
	f := newFake(t, Options{MaxWatches: 2})
	client := f.client(t, true, connecthttp.WithGRPC())
	ctx, leave := context.WithCancel(t.Context())
	for range 2 {
		want(t, watch(ctx, t, client, "m"), statusServing)
	}
	if _, err := watch(t.Context(), t, client, "m")(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the third watch: %v", err)
	}
	if got, err := check(t.Context(), client, "m"); err != nil || got != statusServing {
		t.Errorf("a check meanwhile: %d, %v", got, err)
	}
	leave()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if got, err := watch(t.Context(), t, client, "m")(); err == nil && got == statusServing {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("after two watches have ended: %d, %v", got, err)
		}
	}
}

// One peer takes no watches from others. A peer's limit is that of its connections together.
func TestWatchesOfOnePeerAreBounded(t *testing.T) {
	f := newFake(t, Options{MaxWatches: 4, MaxWatchesPerPeer: 2})
	ctx, leave := context.WithCancel(t.Context())
	for range 2 {
		want(t, watch(ctx, t, f.client(t, true, connecthttp.WithGRPC()), "m"), statusServing)
	}
	client := f.client(t, true, connecthttp.WithGRPC())
	if _, err := watch(t.Context(), t, client, "m")(); connect.CodeOf(err) != connect.CodeUnavailable || !strings.Contains(err.Error(), "this client") {
		t.Errorf("the third watch: %v", err)
	}
	other := netip.MustParseAddr("192.0.2.1")
	if err := f.health.watches.begin(other); err != nil {
		t.Errorf("a watch of another peer: %v", err)
	}
	f.health.watches.end(other)
	leave()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if got, err := watch(t.Context(), t, client, "m")(); err == nil && got == statusServing {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("after two watches have ended: %d, %v", got, err)
		}
	}
}

func TestBoundsOfWatches(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::")
	w := watches{limit: 4, perPeer: 1}
	for _, peer := range []netip.Addr{a, b} {
		if err := w.begin(peer); err != nil {
			t.Errorf("the first of %v: %v", peer, err)
		}
	}
	if w.begin(a) == nil || w.begin(b) == nil {
		t.Error("a second watch of a peer")
	}
	for range 2 { // such as on a Unix socket: all clients are the same
		if err := w.begin(netip.Addr{}); err != nil {
			t.Error("without an address:", err)
		}
	}
	w.end(a)
	if err := w.begin(a); err != nil {
		t.Error("after the first has ended:", err)
	}
	if err := w.begin(netip.MustParseAddr("192.0.2.2")); err == nil {
		t.Error("the total has no bound")
	}
	for _, peer := range []netip.Addr{a, b, {}, {}} {
		w.end(peer)
	}
	if w.total != 0 || len(w.peers) != 0 {
		t.Errorf("what is left: %d, %v", w.total, w.peers)
	}
	unbounded := watches{limit: 4, perPeer: -1}
	for range 4 {
		if err := unbounded.begin(a); err != nil {
			t.Error("without a bound of peers:", err)
		}
	}
}

// The names of grpc-go's health package stay free, and reflection describes the service.
func TestTheSchemaIsNotRegistered(t *testing.T) {
	if _, err := protoregistry.GlobalFiles.FindDescriptorByName(wire.HealthService); !errors.Is(err, protoregistry.NotFound) {
		t.Errorf("the registry: %v", err)
	}
	f := newFake(t, Options{})
	stream := grpcreflect.NewClient(f.client(t, true, connecthttp.WithGRPC())).NewStream(t.Context())
	defer stream.Close()
	for _, name := range []protoreflect.FullName{"grpc.health.v1.Health.List", "grpc.health.v1.HealthListResponse", "grpc.reflection.v1.ServerReflection"} {
		if files, err := stream.FileContainingSymbol(name); err != nil || len(files) != 1 {
			t.Errorf("%s: %v, %v", name, files, err)
		}
	}
	if files, err := stream.FileByFilename("grpc/health/v1/health.proto"); err != nil || len(files) != 1 {
		t.Errorf("the file: %v, %v", files, err)
	}
}
