package server_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a fake Predictor: it reports what reached it.
type service struct {
	modelservingconnect.UnimplementedPredictorHandler
	// during is called while a request is answered. nil: nothing is.
	during func()
}

func (s service) FastPredict(ctx context.Context, m *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	if s.during != nil {
		s.during()
	}
	switch m.GetModelName() {
	case "panic":
		panic("for the test")
	case "named":
		telemetry.SetModel(ctx, m.GetModelName(), 7)
	case "header":
		call, _ := connect.CallInfoForServerContext(ctx)
		call.ResponseHeader().Set("X-Header", "h")
		call.ResponseTrailer().Set("X-Trailer", "t")
		return nil, connect.NewError(connect.CodeNotFound, "nothing but metadata")
	case "stack":
		stack := make([]byte, 64<<10)
		return &modelserving.InferenceResponse{Id: string(stack[:runtime.Stack(stack, true)])}, nil
	}
	return &modelserving.InferenceResponse{Shape: []int64{int64(len(m.GetRawImage()))}}, nil
}

func (s service) StreamPredict(ctx context.Context, stream modelservingconnect.PredictorStreamPredictServerStream) error {
	for {
		frame, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if frame.GetId() == "rest" {
			<-ctx.Done()
			return ctx.Err()
		}
		if s.during != nil {
			s.during()
		}
		if err := stream.Send(&modelserving.InferenceResponse{Id: frame.GetId()}); err != nil {
			return err
		}
		admission.Answered(ctx)
	}
}

// largeResponse is more than the buffers of a connection hold, in bytes.
const largeResponse = 32 << 20

// rest is a fake REST API: it reports what reached it.
func rest(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v2/panic":
		w.Header().Set("Content-Length", "5000")
		panic("for the test")
	case "/v2/panic/later":
		fmt.Fprint(w, strings.Repeat("begun", 10_000))
		panic("for the test")
	}
	body, err := io.ReadAll(r.Body)
	if r.URL.Path == "/v2/large" {
		_, _ = w.Write(make([]byte, largeResponse)) // the client may not read it
		return
	}
	fmt.Fprint(w, "rest ", r.Method, " ", r.URL.EscapedPath(), " ", len(body), " ", err)
}

// registerHealth adds a fake of gRPC health: its Check answers any name with that name.
func registerHealth(rpc *connect.Server) {
	rpc.Register(connect.Method{
		Spec: connect.Spec{StreamType: connect.StreamTypeUnary, Procedure: "/grpc.health.v1.Health/Check"},
		Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
			var req modelserving.GetModelRequest
			if err := stream.Receive(&req); err != nil {
				return err
			}
			return stream.Send(&modelserving.GetModelResponse{Model: &modelserving.Model{Name: req.GetModelName()}})
		},
	})
}

// readyOf returns the readiness of a lifecycle alone.
func readyOf(lifecycle *telemetry.Lifecycle) func() error {
	return func() error {
		if lifecycle.Ready() {
			return nil
		}
		return errors.New("for the test")
	}
}

// start serves with options on a free port and returns its address.
func start(t *testing.T, options server.Options) (address string, lifecycle *telemetry.Lifecycle) {
	t.Helper()
	return startService(t, service{}, options)
}

func startService(t *testing.T, service service, options server.Options) (address string, lifecycle *telemetry.Lifecycle) {
	t.Helper()
	_, address, lifecycle = startAll(t, service, options)
	return address, lifecycle
}

// startServer is start for tests of the server itself.
func startServer(t *testing.T, options server.Options) (s *server.Server, address string) {
	t.Helper()
	s, address, _ = startAll(t, service{}, options)
	return s, address
}

func startAll(t *testing.T, service service, options server.Options) (s *server.Server, address string, lifecycle *telemetry.Lifecycle) {
	t.Helper()
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	lifecycle = &telemetry.Lifecycle{}
	lifecycle.SetReady(true)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the page") })
	routes := slices.Concat(
		server.RPC(options, func(rpc *connect.Server) { modelservingconnect.RegisterPredictorHandler(rpc, service) }, registerHealth),
		server.Probes(readyOf(lifecycle)),
		[]server.Route{
			{Prefix: "/v2", Handler: http.HandlerFunc(rest)},
			{Pattern: "/", Handler: page, Quiet: true},
		},
	)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err = server.New(lifecycle, options, server.Endpoint{Name: "api", Routes: routes})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve("api", listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, listener.Addr().String(), lifecycle
}

func httpClient(t *testing.T, h2c bool) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	tr.Protocols.SetHTTP1(!h2c)
	tr.Protocols.SetUnencryptedHTTP2(h2c)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func grpcClient(t *testing.T, address string) modelservingconnect.PredictorClient {
	t.Helper()
	return modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(httpClient(t, true), "http://"+address, connecthttp.WithGRPC())))
}

// The HTTP/2 server that is bundled with Go has known vulnerabilities: --http2 net/http
// uses x/net's.
func TestHTTP2Implementation(t *testing.T) {
	for by, options := range map[string]server.Options{
		"tensorwire/internal/transport/h2.": {}, "golang.org/x/net/http2.(*serverConn)": {NetHTTP2: true},
	} {
		address, _ := start(t, options)
		res, err := grpcClient(t, address).FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "stack"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(res.GetId(), by) || strings.Contains(res.GetId(), "http2serverConn") {
			t.Errorf("not through %s, but\n%s", by, res.GetId())
		}
	}
}

func TestPanicIsAnInternalError(t *testing.T) {
	address, _ := start(t, server.Options{})
	c := grpcClient(t, address)
	if _, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "panic"}); connect.CodeOf(err) != connect.CodeInternal || strings.Contains(err.Error(), "for the test") {
		t.Errorf("error %v", err)
	}
	if _, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{}); err != nil {
		t.Errorf("the server does not keep serving: %v", err)
	}
}

// A client reads all fields of a Trailers-Only response as trailers, so there may be no header of
// the handler's among them.
func TestHeadersOfAnErrorAreHeaders(t *testing.T) {
	for _, options := range []server.Options{{}, {NetHTTP2: true}} {
		address, _ := start(t, options)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", strings.NewReader("\x00\x00\x00\x00\x08\x12\x06header"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/grpc")
		req.Header.Set("Te", "trailers")
		res, err := httpClient(t, true).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("X-Header") != "h" || res.Header.Get("Grpc-Status") != "" || res.Header.Get("X-Trailer") != "" {
			t.Errorf("the headers are %v", res.Header)
		}
		if res.Trailer.Get("X-Trailer") != "t" || res.Trailer.Get("Grpc-Status") != "5" {
			t.Errorf("the trailers are %v", res.Trailer)
		}
	}
}

func TestReflectionListsTheServices(t *testing.T) {
	address, _ := start(t, server.Options{})
	stream := grpcreflect.NewClient(connect.NewClient(connecthttp.NewTransport(httpClient(t, true), "http://"+address, connecthttp.WithGRPC()))).NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	if err != nil || fmt.Sprint(names) != "[grpc.health.v1.Health modelserving.Predictor]" {
		t.Errorf("services %v, %v", names, err)
	}
	if files, err := stream.FileContainingSymbol("modelserving.Predictor"); err != nil || len(files) == 0 {
		t.Errorf("files %v, %v", files, err)
	}
}

// A form that posts to the page is not an RPC, for any media type.
func TestOnlyPathsOfProceduresAreAnsweredAsRPCs(t *testing.T) {
	address, _ := start(t, server.Options{})
	for path, want := range map[string]string{"/": "the page", "/x": "the page", "/a/b/c": "the page", "/some.Service/Method": "unimplemented"} {
		if _, text := do(t, http.MethodPost, "http://"+address+path, strings.NewReader("{}"), "Content-Type", "application/json"); !strings.Contains(text, want) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestRESTIsServedBelowV2(t *testing.T) {
	address, _ := start(t, server.Options{})
	for path, want := range map[string]string{
		"/v2":                         "rest POST /v2 2 <nil>",
		"/v2/":                        "rest POST /v2/ 2 <nil>",
		"/v2/models/../x":             "rest POST /v2/models/../x 2 <nil>",
		"/v2//models/a%2Fb/infer":     "rest POST /v2//models/a%2Fb/infer 2 <nil>",
		"/v2/models.Service/infer":    "rest POST /v2/models.Service/infer 2 <nil>",
		"/v22":                        "nothing is served at /v22",
		"/v2x/models":                 "unimplemented",
		"/some.Service/v2":            "unimplemented",
		"/v2/panic":                   `{"error":"internal error"}`,
		"/v2/models/after/that/infer": "rest POST /v2/models/after/that/infer 2 <nil>",
	} {
		if _, text := do(t, http.MethodPost, "http://"+address+path, strings.NewReader("{}"), "Content-Type", "application/json"); !strings.Contains(text, want) {
			t.Errorf("%s: %s", path, text)
		}
	}
	if answer := raw(t, address, "POST /v2/panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 5*time.Second); !strings.HasPrefix(answer, "HTTP/1.1 500 ") || strings.Contains(answer, "5000") || strings.Contains(answer, "for the test") {
		t.Errorf("a panic: %s", answer)
	}
	if answer := raw(t, address, "POST /v2/panic/later HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 5*time.Second); strings.Contains(answer, "error") || strings.HasSuffix(answer, "\r\n0\r\n\r\n") {
		t.Errorf("a panic in a response that has begun ends like a complete response: %q", answer[max(0, len(answer)-100):])
	}
}

func get(t *testing.T, url string, headers ...string) (int, string) {
	t.Helper()
	return do(t, http.MethodGet, url, nil, headers...)
}

func do(t *testing.T, method, url string, body io.Reader, headers ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := httpClient(t, false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text) + res.Header.Get("Access-Control-Allow-Origin")
}

func TestProbesFollowReadiness(t *testing.T) {
	address, lifecycle := start(t, server.Options{})
	for ready, want := range map[bool]struct {
		status int
		text   string
	}{true: {200, "ok\n"}, false: {503, "not ready: for the test\n"}} {
		lifecycle.SetReady(ready)
		if status, text := get(t, "http://"+address+"/readyz"); status != want.status || text != want.text {
			t.Errorf("ready %v: %d %s", ready, status, text)
		}
		if status, _ := get(t, "http://"+address+"/livez"); status != http.StatusOK {
			t.Errorf("ready %v: livez gives %d", ready, status)
		}
	}
}

// Requests of gRPC health take memory outside of the budget, so they are small.
func TestHealthRequestsAreSmall(t *testing.T) {
	address, _ := start(t, server.Options{})
	check := func(length int, headers ...string) (int, string) {
		return do(t, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", strings.NewReader(`{"modelName":"`+strings.Repeat("x", length)+`"}`), append(headers, "Content-Type", "application/json")...)
	}
	if status, text := check(4000); status != http.StatusOK {
		t.Errorf("4,000 bytes: %d %s", status, text)
	}
	if status, text := check(4100); status != http.StatusTooManyRequests || !strings.Contains(text, "4096") {
		t.Errorf("4,100 bytes: %d %s", status, text)
	}
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write([]byte(`{"modelName":"` + strings.Repeat("x", 1<<20) + `"}`)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if status, text := do(t, http.MethodPost, "http://"+address+"/grpc.health.v1.Health/Check", &compressed, "Content-Type", "application/json", "Content-Encoding", "gzip"); status != http.StatusTooManyRequests {
		t.Errorf("1 MiB of %d compressed bytes: %d %.100s", compressed.Len(), status, text)
	}
}

func TestOnlyTheOwnOriginMayCall(t *testing.T) {
	call := func(address, origin, site string) (int, string) {
		return do(t, http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", strings.NewReader("{}"),
			"Content-Type", "application/json", "Origin", origin, "Sec-Fetch-Site", site)
	}
	address, _ := start(t, server.Options{})
	if status, text := call(address, "https://evil.example", "cross-site"); status != http.StatusForbidden || !strings.Contains(text, "pages of https://evil.example may not call this server: allow them by its setting (cors-origin)") {
		t.Errorf("a foreign page: %d %s", status, text)
	}
	if status, text := call(address, "http://"+address, "same-origin"); status != http.StatusOK {
		t.Errorf("the own page: %d %s", status, text)
	}
	if status, text := get(t, "http://"+address+"/", "Origin", "https://evil.example"); status != http.StatusOK || text != "the page" {
		t.Errorf("a link from a foreign page: %d %s", status, text)
	}

	allowed, _ := start(t, server.Options{CORSOrigins: []string{"https://app.example"}})
	if status, text := call(allowed, "https://app.example", "cross-site"); status != http.StatusOK || !strings.HasSuffix(text, "https://app.example") {
		t.Errorf("an allowed page: %d %s", status, text)
	}
	if status, _ := call(allowed, "https://evil.example", "cross-site"); status != http.StatusForbidden {
		t.Errorf("a foreign page: %d", status)
	}
	for path, headers := range map[string]string{
		"/modelserving.Predictor/FastPredict": "connect-protocol-version,content-type",
		"/v2/models/m/infer":                  "content-encoding,content-type,inference-header-content-length",
	} {
		status, origin := do(t, http.MethodOptions, "http://"+allowed+path, nil,
			"Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", headers)
		if status != http.StatusNoContent || origin != "https://app.example" {
			t.Errorf("preflight of %s: %d %q", path, status, origin)
		}
	}
	open, _ := start(t, server.Options{CORSOrigins: []string{"*"}})
	if status, text := call(open, "https://evil.example", "cross-site"); status != http.StatusOK || !strings.HasSuffix(text, "*") {
		t.Errorf("any page: %d %s", status, text)
	}
}

// slowBody returns a few bytes at a time.
type slowBody struct {
	content io.Reader
	pause   time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	time.Sleep(b.pause)
	return b.content.Read(p[:min(len(p), 10)])
}

func TestSlowBodyIsCutOff(t *testing.T) {
	address, _ := start(t, server.Options{TransferGrace: 200 * time.Millisecond})
	message := append([]byte{0x0a, 0x90, 0x4e}, make([]byte, 10_000)...)
	for _, contentType := range []string{"application/proto", "application/grpc-web+proto", "application/octet-stream"} {
		path := "/modelserving.Predictor/FastPredict"
		if contentType == "application/octet-stream" {
			path = "/v2/models/m/infer"
		}
		body := message
		if strings.Contains(contentType, "grpc") {
			body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
		}
		for _, h2c := range []bool{false, true} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, &slowBody{bytes.NewReader(body), 20 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", contentType)
			res, err := httpClient(t, h2c).Do(req)
			if err != nil {
				t.Fatalf("%s, HTTP/2 %v: %v", contentType, h2c, err)
			}
			text, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if response := fmt.Sprint(res.Header, string(text), res.Trailer); !strings.Contains(response, "too slowly") {
				t.Errorf("%s, HTTP/2 %v: %d %s", contentType, h2c, res.StatusCode, response)
			}
		}
	}
}

// raw sends text on a connection of its own and returns all that comes back until
// the server closes it or is silent for a while.
func raw(t *testing.T, address, text string, patience time.Duration) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // the server may close before the end
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn) // what came counts
	return string(answer)
}

// A body that a handler leaves unread must never be parsed as further requests.
func TestUnreadBodyIsNoRequest(t *testing.T) {
	address, _ := start(t, server.Options{MaxMessageBytes: 1000})
	smuggled := strings.Repeat("GET /readyz HTTP/1.1\r\nHost: smuggled\r\n\r\n", 26_000)
	for _, contentType := range []string{"application/json", "application/proto", "application/grpc-web+proto", "text/plain"} {
		answer := raw(t, address, fmt.Sprintf("POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(smuggled), smuggled), 5*time.Second)
		if n := strings.Count(answer, "HTTP/1.1 "); n > 1 || strings.Contains(answer, "ok\n") {
			t.Errorf("%s: %d answers", contentType, n)
		}
	}
}

// A client that declares a body and sends none is answered nevertheless.
func TestBodyThatNeverArrivesIsCutOff(t *testing.T) {
	address, _ := start(t, server.Options{TransferGrace: 200 * time.Millisecond})
	for name, head := range map[string]string{
		"a probe":            "GET /livez HTTP/1.1\r\n",
		"the page":           "POST / HTTP/1.1\r\n",
		"unknown procedure":  "POST /a.B/C HTTP/1.1\r\nContent-Type: application/json\r\n",
		"wrong media type":   "POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nContent-Type: text/plain\r\n",
		"a procedure":        "POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nContent-Type: application/proto\r\n",
		"a stream":           "POST /modelserving.Predictor/StreamPredict HTTP/1.1\r\nContent-Type: application/connect+proto\r\n",
		"a foreign page":     "POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n",
		"capital media type": "POST /modelserving.Predictor/FastPredict HTTP/1.1\r\nContent-Type: Application/GRPC-Web\r\n",
	} {
		began := time.Now()
		answer := raw(t, address, head+"Host: x\r\nContent-Length: 100\r\n\r\n", 20*time.Second)
		if !strings.HasPrefix(answer, "HTTP/1.1 ") || time.Since(began) > 15*time.Second {
			t.Errorf("%s: after %v: %q", name, time.Since(began), answer)
		}
	}
}

// x/net returns a connection's window as handlers read, so an idle stream with a full
// window must leave room for the other calls.
func TestIdleStreamLeavesRoomForOtherCalls(t *testing.T) {
	address, _ := start(t, server.Options{})
	c := grpcClient(t, address)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := c.StreamPredict(ctx)
	if err != nil {
		t.Fatal(err)
	}
	blocked := make(chan struct{})
	go func() {
		defer close(blocked)
		// "rest" makes the service stop reading; what follows fills the window.
		for id := "rest"; stream.Send(&modelserving.InferenceRequest{Id: id, RawImage: make([]byte, 1<<20)}) == nil; id = "" {
		}
	}()
	deadline, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for range 20 {
		if _, err := c.FastPredict(deadline, &modelserving.FastInferenceRequest{RawImage: make([]byte, 200_000)}); err != nil {
			t.Fatalf("a call next to the stream: %v", err)
		}
	}
	cancel()
	<-blocked
}

func TestReflectionServesManyAtOnce(t *testing.T) {
	address, _ := start(t, server.Options{})
	client := grpcreflect.NewClient(connect.NewClient(connecthttp.NewTransport(httpClient(t, true), "http://"+address, connecthttp.WithGRPC())))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			stream := client.NewStream(t.Context())
			defer stream.Close()
			if names, err := stream.ListServices(); err != nil || len(names) != 2 {
				t.Errorf("services %v, %v", names, err)
			}
		})
	}
	group.Wait()
}

// A stream may be idle, and a connection may be reused after a body that arrived in time.
func TestNothingElseIsCutOff(t *testing.T) {
	address, _ := start(t, server.Options{TransferGrace: 100 * time.Millisecond})
	stream, err := grpcClient(t, address).StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	h1 := httpClient(t, false)
	for range 3 {
		time.Sleep(150 * time.Millisecond)
		if err := stream.Send(&modelserving.InferenceRequest{Id: "frame"}); err != nil {
			t.Fatal(err)
		}
		if res, err := stream.Receive(); err != nil || res.GetId() != "frame" {
			t.Fatalf("%v, %v", res, err)
		}
		res, err := h1.Post("http://"+address+"/modelserving.Predictor/FastPredict", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
}

// gRPC clients hold idle connections with pings; other servers answer many of them
// with GOAWAY too_many_pings.
func TestClientsThatPingKeepTheirConnection(t *testing.T) {
	address, _ := start(t, server.Options{IdleTimeout: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, bufio.NewReader(conn))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	answered := 0
	for ping := range 30 {
		if err := framer.WritePing(false, [8]byte{byte(ping)}); err != nil {
			t.Fatal(err)
		}
		for answered <= ping {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("after %d pings: %v", ping, err)
			}
			switch frame := frame.(type) {
			case *http2.GoAwayFrame:
				t.Fatalf("after %d pings: GOAWAY %v %s", ping, frame.ErrCode, frame.DebugData())
			case *http2.PingFrame:
				answered++
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestSettingsThatCannotBeUsed(t *testing.T) {
	for names, pair := range map[string][2]string{
		"tls-cert and tls-key": {"cert.pem", ""},
		"tls-key and tls-cert": {"", "key.pem"},
		"cert.pem":             {"cert.pem", "key.pem"},
	} {
		_, err := server.LoadTLS(pair[0], pair[1])
		for part := range strings.SplitSeq(names, " and ") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%v: %v", pair, err)
			}
		}
	}
	if config, err := server.LoadTLS("", ""); config != nil || err != nil {
		t.Errorf("no TLS: %v, %v", config, err)
	}
	_, err := server.New(&telemetry.Lifecycle{}, server.Options{CORSOrigins: []string{"app.example"}}, server.Endpoint{Name: "api"})
	if err == nil || !strings.Contains(setting.Text(err, setting.Flag), `--cors-origin is "app.example"`) {
		t.Errorf("origin: %v", err)
	}
}
