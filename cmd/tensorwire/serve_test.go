package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
)

const root = "../.."

// process is `tensorwire serve` in this process.
type process struct {
	url    string
	out    *buffer
	stop   context.CancelFunc
	exited chan int
}

// buffer is a writer that can be read while it is written to.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// libraryEnv is an environment with nothing but the path of ONNX Runtime's library.
func libraryEnv(name string) string {
	if name == onnxtest.LibraryVariable {
		return os.Getenv(name) // set by TestMain
	}
	return ""
}

var pageLine = regexp.MustCompile(`page +(\S+)/\n`)

// start serves on a free port and waits until the models are loaded.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &process{out: &buffer{}, stop: stop, exited: make(chan int, 1)}
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "warn"}, args...)
	go func() { p.exited <- run(ctx, args, libraryEnv, nil, p.out, p.out) }()
	deadline := time.After(time.Minute)
	for {
		if match := pageLine.FindStringSubmatch(p.out.String()); match != nil {
			p.url = match[1]
			break
		}
		select {
		case code := <-p.exited:
			t.Fatalf("the server ended with %d: %s", code, p.out)
		case <-deadline:
			t.Fatalf("the server is not ready: %s", p.out)
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Cleanup(func() { p.end(t) })
	return p
}

// end stops the server as SIGTERM does, and checks its exit code.
func (p *process) end(t *testing.T) {
	t.Helper()
	p.stop()
	select {
	case code := <-p.exited:
		if code != exitOK {
			t.Errorf("the server ended with %d: %s", code, p.out)
		}
		p.exited <- code // for a second call
	case <-time.After(time.Minute):
		t.Error("the server does not stop")
	}
}

// newClient returns an HTTP client of one protocol version. It is closed with the
// test, before the server stops.
func newClient(t *testing.T, h2c bool, roots *x509.CertPool) *http.Client {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute}
	if roots != nil {
		tr.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	tr.Protocols.SetHTTP1(!h2c)
	tr.Protocols.SetUnencryptedHTTP2(h2c && roots == nil)
	tr.Protocols.SetHTTP2(h2c && roots != nil)
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// certificate writes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certFile, keyFile, roots
}

var protocols = map[string][]connecthttp.Option{
	"connect": nil,
	"grpc":    {connecthttp.WithGRPC()},
	"grpcweb": {connecthttp.WithGRPCWeb()},
}

var encodings = map[string][]connecthttp.Option{
	"proto":      nil,
	"json":       {connecthttp.WithProtoJSON()},
	"proto+gzip": {connecthttp.WithSendGzip()},
}

func client(h *http.Client, url string, options ...connecthttp.Option) modelservingconnect.PredictorClient {
	return modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
}

// TestEveryProtocolGivesTheSameAnswer compares the response for one image, and errors,
// over every protocol, encoding and version of HTTP.
func TestEveryProtocolGivesTheSameAnswer(t *testing.T) {
	picture := digitstest.Load(t, root, 3).PNG(t, 0)
	var want *modelserving.InferenceResponse
	suite := func(t *testing.T, url string, h *http.Client, h2 bool) {
		t.Helper()
		for protocol, protocolOptions := range protocols {
			if protocol == "grpc" && !h2 {
				continue // gRPC needs HTTP/2
			}
			for encoding, encodingOptions := range encodings {
				t.Run(protocol+" "+encoding, func(t *testing.T) {
					c := client(h, url, slices.Concat(protocolOptions, encodingOptions)...)
					got, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: picture})
					if err != nil {
						t.Fatal(err)
					}
					if want == nil {
						want = got
					}
					if got.GetClassifications()[0].GetLabel() != "3" || !slices.Equal(got.GetPredictions(), want.GetPredictions()) {
						t.Errorf("answer %v, elsewhere %v", got, want)
					}
					_, err = c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "nobody", RawImage: picture})
					if connect.CodeOf(err) != connect.CodeNotFound || !strings.Contains(err.Error(), `"nobody"`) {
						t.Errorf("unknown model: %v", err)
					}
					_, err = c.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1}})
					if connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "tensor_data has 1") {
						t.Errorf("bad tensor: %v", err)
					}
					if h2 {
						testStream(t, c, picture, want)
					}
				})
			}
		}
	}
	t.Run("cleartext", func(t *testing.T) {
		p := start(t, "--models", root+"/models")
		t.Run("HTTP/1.1", func(t *testing.T) { suite(t, p.url, newClient(t, false, nil), false) })
		t.Run("h2c", func(t *testing.T) { suite(t, p.url, newClient(t, true, nil), true) })
	})
	t.Run("TLS", func(t *testing.T) {
		certFile, keyFile, roots := certificate(t)
		p := start(t, "--models", root+"/models", "--tls-cert", certFile, "--tls-key", keyFile)
		t.Run("HTTP/1.1", func(t *testing.T) { suite(t, p.url, newClient(t, false, roots), false) })
		t.Run("HTTP/2", func(t *testing.T) { suite(t, p.url, newClient(t, true, roots), true) })
	})
}

func testStream(t *testing.T, c modelservingconnect.PredictorClient, picture []byte, want *modelserving.InferenceResponse) {
	t.Helper()
	stream, err := c.StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for i, frame := range []*modelserving.InferenceRequest{{RawImage: picture}, {RawImage: picture[:50]}, {RawImage: picture}} {
		frame.Id = strconv.Itoa(i)
		if err := stream.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		res, err := stream.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if res.GetId() != strconv.Itoa(i) || (res.GetError() != nil) != (i == 1) {
			t.Errorf("answer %d is %v", i, res)
		}
		if i != 1 && !slices.Equal(res.GetPredictions(), want.GetPredictions()) {
			t.Errorf("answer %d differs: %v", i, res)
		}
	}
	if _, err := stream.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ends with %v", err)
	}
}

// TestDigits checks the accuracy of the sample model that its README states.
func TestDigits(t *testing.T) {
	p := start(t, "--models", root+"/models")
	c := client(newClient(t, true, nil), p.url, connecthttp.WithGRPC())
	right, total := 0, 0
	for digit := range 10 {
		class := digitstest.Load(t, root, digit)
		for i := range 20 {
			res, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: class.PNG(t, i)})
			if err != nil {
				t.Fatal(err)
			}
			total++
			if res.GetClassifications()[0].GetLabel() == strconv.Itoa(digit) {
				right++
			}
		}
	}
	if total != 200 || right < 195 {
		t.Errorf("%d of %d right", right, total)
	}
}

// post sends body over HTTP/1.1 and returns the response's status, and its headers with
// its text: gRPC-Web's status is in either.
func post(t *testing.T, url, contentType string, body io.Reader, extra ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(extra); i += 2 {
		req.Header.Set(extra[i], extra[i+1])
	}
	res, err := newClient(t, false, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var headers strings.Builder
	if err := res.Header.Write(&headers); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, headers.String() + string(text)
}

func zipped(t *testing.T, content []byte) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestBadInputOnTheWire(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Identity", onnxtest.Float32, "batch", 3).Write(t, filepath.Join(dir, "good", "1", "model.onnx"))
	if err := os.MkdirAll(filepath.Join(dir, "bad", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad", "1", "model.onnx"), []byte("no model at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--models", dir, "--default-model", "good", "--max-message-bytes", "100000")
	predict, fast := p.url+"/modelserving.Predictor/Predict", p.url+"/modelserving.Predictor/FastPredict"

	for name, test := range map[string]struct {
		url, contentType string
		body             io.Reader
		headers          []string
		status           int
		says             []string
	}{
		"malformed JSON":         {predict, "application/json", strings.NewReader(`{"tensorData":[1,`), nil, 400, []string{"invalid_argument"}},
		"NaN as a size":          {predict, "application/json", strings.NewReader(`{"tensorData":[1,2,3],"width":"NaN"}`), nil, 400, []string{"invalid_argument", "width"}},
		"malformed protobuf":     {predict, "application/proto", strings.NewReader("\xff\xff\xff"), nil, 400, []string{"invalid_argument"}},
		"wrong method":           {p.url + "/modelserving.Predictor/Nothing", "application/json", strings.NewReader(`{}`), nil, 501, []string{"unimplemented", "Nothing"}},
		"wrong service":          {p.url + "/some.Service/Nothing", "application/json", strings.NewReader(`{}`), nil, 404, []string{"unimplemented", "/some.Service/Nothing"}},
		"wrong media type":       {predict, "text/plain", strings.NewReader(`{}`), nil, 415, nil},
		"body over the limit":    {fast, "application/proto", bytes.NewReader(make([]byte, 100_001)), nil, 429, []string{"resource_exhausted", "100000"}},
		"gzip bomb":              {fast, "application/proto", zipped(t, make([]byte, 50_000_000)), []string{"Content-Encoding", "gzip"}, 429, []string{"resource_exhausted"}},
		"bad model":              {predict, "application/json", strings.NewReader(`{"modelName":"bad","tensorData":[1]}`), nil, 503, []string{"unavailable", "not an ONNX model"}},
		"good model":             {predict, "application/json", strings.NewReader(`{"modelName":"good","tensorData":[1,2,3]}`), nil, 200, []string{`"confidence":3`}},
		"the list names the bad": {p.url + "/modelserving.Predictor/ListModels", "application/json", strings.NewReader(`{}`), nil, 200, []string{"MODEL_STATE_UNAVAILABLE", "not an ONNX model"}},
		"over the limit, grpcweb": {
			fast, "application/grpc-web+proto", io.MultiReader(bytes.NewReader(binary.BigEndian.AppendUint32([]byte{0}, 300_000)), bytes.NewReader(make([]byte, 300_000))),
			nil, 200,
			[]string{"Grpc-Status: 8", "300000 bytes", "(max-message-bytes)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := post(t, test.url, test.contentType, test.body, test.headers...)
			if status != test.status {
				t.Errorf("status %d, want %d: %s", status, test.status, text)
			}
			for _, part := range test.says {
				if !strings.Contains(text, part) {
					t.Errorf("%q is not in the response: %s", part, text)
				}
			}
			if strings.Contains(text, dir) {
				t.Errorf("the response contains a path of the server: %s", text)
			}
		})
	}

	h2c := newClient(t, true, nil)
	for name, options := range protocols {
		t.Run("HTTP/2 "+name, func(t *testing.T) {
			c := client(h2c, p.url, options...)
			_, err := c.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 20_000_000)})
			if connect.CodeOf(err) != connect.CodeResourceExhausted {
				t.Errorf("over the limit: %v", err)
			}
			_, err = client(h2c, p.url, append(options, connecthttp.WithSendGzip())...).FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: make([]byte, 20_000_000)})
			if connect.CodeOf(err) != connect.CodeResourceExhausted {
				t.Errorf("gzip bomb: %v", err)
			}
			stream, err := c.StreamPredict(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			_ = stream.Send(&modelserving.InferenceRequest{RawImage: make([]byte, 1_000_000)}) // may fail: the server need not read it
			if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeResourceExhausted {
				t.Errorf("a frame over the limit: %v", err)
			}
			unknown := connect.NewClient(connecthttp.NewTransport(h2c, p.url, options...))
			err = unknown.CallUnary(t.Context(), connect.Spec{Procedure: "/some.Service/Nothing"}, &modelserving.ListModelsRequest{}, &modelserving.ListModelsResponse{})
			if connect.CodeOf(err) != connect.CodeUnimplemented {
				t.Errorf("unknown procedure: %v", err)
			}
			res, err := c.Predict(t.Context(), &modelserving.InferenceRequest{TensorData: []float32{1, 2, 3}})
			if err != nil || res.GetConfidence() != 3 {
				t.Errorf("the server does not keep serving: %v, %v", res, err)
			}
		})
	}
}

func TestListModelsIsCachedByBrowsers(t *testing.T) {
	p := start(t, "--models", root+"/models")
	get := func(etag string) *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/modelserving.Predictor/ListModels?connect=v1&encoding=json&message=%7B%7D", nil)
		if err != nil {
			t.Fatal(err)
		}
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		res, err := newClient(t, false, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	first := get("")
	etag := first.Header.Get("ETag")
	if first.StatusCode != http.StatusOK || etag == "" || first.Header.Get("Cache-Control") == "" {
		t.Fatalf("status %d, headers %v", first.StatusCode, first.Header)
	}
	if second := get(etag); second.StatusCode != http.StatusNotModified {
		t.Errorf("status %d with the current ETag", second.StatusCode)
	}
	if other := get(`W/"other"`); other.StatusCode != http.StatusOK {
		t.Errorf("status %d with another ETag", other.StatusCode)
	}
}

// TestStopsAfterWhatRuns stops the server with requests in flight.
func TestStopsAfterWhatRuns(t *testing.T) {
	p := start(t, "--models", root+"/models")
	c := client(newClient(t, true, nil), p.url, connecthttp.WithGRPC())
	stream, err := c.StreamPredict(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	body := &heldBody{started: make(chan struct{}), proceed: make(chan struct{}), content: strings.NewReader(`{"tensorData":[` + strings.Repeat("0,", 783) + `0]}`)}
	answered := make(chan error, 1)
	go func() {
		status, text := post(t, p.url+"/modelserving.Predictor/Predict", "application/json", body, "Expect", "100-continue")
		if status != http.StatusOK || !strings.Contains(text, "classifications") {
			answered <- fmt.Errorf("status %d: %s", status, text)
		}
		close(answered)
	}()
	<-body.started
	for i := range 20 {
		if err := stream.Send(&modelserving.InferenceRequest{Id: strconv.Itoa(i), TensorData: make([]float32, 784)}); err != nil {
			t.Fatal(err)
		}
		if res, err := stream.Receive(); err != nil || res.GetError() != nil {
			t.Fatalf("%v, %v", res, err)
		}
	}
	p.stop()
	if _, err := stream.Receive(); connect.CodeOf(err) != connect.CodeUnavailable {
		t.Errorf("the stream ends with %v", err)
	}
	if status := probe(t, p.url); status == http.StatusOK {
		t.Error("the server is ready while it stops")
	}
	close(body.proceed)
	if err := <-answered; err != nil {
		t.Errorf("a request in flight failed: %v", err)
	}
	p.end(t)
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(p.url, "http://"), time.Second); err == nil {
		t.Error("the listener is open after the end")
	}
}

// heldBody is a request body. It closes started when the server begins to read it, which
// means that the request is in flight, and continues when proceed is closed.
type heldBody struct {
	started, proceed chan struct{}
	once             sync.Once
	content          io.Reader
}

func (b *heldBody) Read(p []byte) (int, error) {
	b.once.Do(func() {
		close(b.started)
		<-b.proceed
	})
	return b.content.Read(p)
}

// probe returns the status of /readyz, 0 without a response.
func probe(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := newClient(t, false, nil).Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		args []string
		env  map[string]string
		code int
		says string
	}{
		"no command":      {nil, nil, exitUsage, "tensorwire serve"},
		"unknown command": {[]string{"sevre"}, nil, exitUsage, `no command "sevre": did you mean tensorwire serve?`},
		"unknown flag":    {[]string{"serve", "--port", "1"}, nil, exitUsage, "-port"},
		"argument":        {[]string{"serve", "models"}, nil, exitUsage, `"models"`},
		"bad value":       {[]string{"serve", "--max-queue", "0"}, nil, exitUsage, "--max-queue is 0"},
		"bad environment": {[]string{"serve"}, map[string]string{"TENSORWIRE_MAX_QUEUE": "many"}, exitUsage, "TENSORWIRE_MAX_QUEUE"},
		"half of TLS":     {[]string{"serve", "--tls-cert", "x.pem"}, nil, exitUsage, "--tls-key"},
		"log level":       {[]string{"serve", "--log-level", "loud"}, nil, exitUsage, `"loud"`},
		"bad origin":      {[]string{"serve", "--models", root + "/models", "--cors-origin", "app.example.com"}, nil, exitUsage, `--cors-origin is "app.example.com": give scheme://host`},
		"missing models":  {[]string{"serve", "--models", "/nowhere/models"}, nil, exitError, "/nowhere/models does not exist: make /nowhere/models/<model>/1/model.onnx, or set --models to another"},
		"missing default": {[]string{"serve", "--models", root + "/models", "--default-model", "cat"}, nil, exitError, `--default-model is "cat", which is not in `},
		"missing model":   {[]string{"serve", "--models", root + "/models", "--model-control", "explicit", "--load-model", "cat"}, nil, exitError, `--load-model has "cat", which is not in `},
		"missing library": {[]string{"serve", "--models", root + "/models"}, map[string]string{"TENSORWIRE_ONNXRUNTIME_LIB": "/nowhere/lib.so"}, exitError, "TENSORWIRE_ONNXRUNTIME_LIB is /nowhere/lib.so"},
		"port taken":      {[]string{"serve", "--models", root + "/models", "--listen", taken.Addr().String()}, nil, exitError, "is in use"},
		"help":            {[]string{"serve", "--help"}, nil, exitOK, "--models directory"},
		"version":         {[]string{"version"}, nil, exitOK, "tensorwire"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			code := run(t.Context(), test.args, func(name string) string { return cmp.Or(test.env[name], libraryEnv(name)) }, nil, &out, &out)
			if code != test.code || !strings.Contains(out.String(), test.says) {
				t.Errorf("code %d, want %d; %q is not in the output:\n%s", code, test.code, test.says, out.String())
			}
		})
	}
}

func TestFlagsPrecedeTheEnvironment(t *testing.T) {
	env := map[string]string{"TENSORWIRE_MODELS": "/nowhere/env"}
	for args, says := range map[string]string{"": "/nowhere/env", "/nowhere/flag": "/nowhere/flag"} {
		command := []string{"serve"}
		if args != "" {
			command = append(command, "--models", args)
		}
		var out bytes.Buffer
		if run(t.Context(), command, func(name string) string { return cmp.Or(env[name], libraryEnv(name)) }, nil, &out, &out) != exitError || !strings.Contains(out.String(), says) {
			t.Errorf("%v: %s", command, out.String())
		}
	}
}
