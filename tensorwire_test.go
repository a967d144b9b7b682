package tensorwire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
)

// forgetsVariable makes the test binary a program that builds a server without calling
// RunWorker.
const forgetsVariable = "TENSORWIRE_TEST_FORGETS"

func TestMain(m *testing.M) {
	if os.Getenv(forgetsVariable) == "" {
		tensorwire.RunWorker()
	} else if _, err := tensorwire.New(tensorwire.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(func() int {
		library, err := onnxtest.Library()
		if err == nil {
			err = os.Setenv(onnxtest.LibraryVariable, library)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// library is the path of ONNX Runtime's library for the tests.
func library() string { return os.Getenv(onnxtest.LibraryVariable) }

// newServer returns a server that is ready.
func newServer(t *testing.T, options tensorwire.Options) *tensorwire.Server {
	t.Helper()
	options.OnnxRuntimeLibrary = library()
	options.Logger = slog.New(slog.DiscardHandler)
	server, err := tensorwire.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return server
}

// newClient returns an HTTP client of one protocol version.
func newClient(t *testing.T, h2c bool) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2c)
	transport.Protocols.SetUnencryptedHTTP2(h2c)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestHandlerServesEveryProtocol mounts the handler in a server of net/http, and calls
// it over each version of HTTP.
func TestHandlerServesEveryProtocol(t *testing.T) {
	server := newServer(t, tensorwire.Options{})
	host := httptest.NewUnstartedServer(server.Handler())
	host.Config.Protocols = new(http.Protocols)
	host.Config.Protocols.SetHTTP1(true)
	host.Config.Protocols.SetUnencryptedHTTP2(true)
	host.Start()
	defer host.Close()
	picture := digitstest.Load(t, ".", 3).PNG(t, 0)
	for name, test := range map[string]struct {
		h2c     bool
		options []connecthttp.Option
	}{
		"Connect, HTTP/1.1":  {h2c: false},
		"Connect, h2c":       {h2c: true},
		"gRPC-Web, HTTP/1.1": {h2c: false, options: []connecthttp.Option{connecthttp.WithGRPCWeb()}},
		"gRPC, h2c":          {h2c: true, options: []connecthttp.Option{connecthttp.WithGRPC()}},
	} {
		t.Run(name, func(t *testing.T) {
			client := modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(newClient(t, test.h2c), host.URL, test.options...)))
			res, err := client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: picture})
			if err != nil || res.GetClassifications()[0].GetLabel() != "3" {
				t.Errorf("%v, %v", res, err)
			}
			_, err = client.FastPredict(t.Context(), &modelserving.FastInferenceRequest{ModelName: "nobody", RawImage: picture})
			if connect.CodeOf(err) != connect.CodeNotFound {
				t.Errorf("unknown model: %v", err)
			}
		})
	}
	for _, h2c := range []bool{false, true} {
		res, err := newClient(t, h2c).Post(host.URL+"/v2/models/digits/infer", "image/png", bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(text), `:3:3",`) {
			t.Errorf("REST over %s: %s %s, %v", res.Proto, res.Status, text, err)
		}
	}
}

func get(t *testing.T, client *http.Client, url string) (status int, text string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestHandlerIsUnavailableAfterShutdown(t *testing.T) {
	server := newServer(t, tensorwire.Options{})
	host := httptest.NewServer(server.Handler())
	defer host.Close()
	client := newClient(t, false)
	if status, _ := get(t, client, host.URL+"/readyz"); status != http.StatusOK {
		t.Errorf("ready: status %d", status)
	}
	for range 2 {
		if err := server.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if status, _ := get(t, client, host.URL+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readiness after Shutdown: status %d", status)
	}
	if status, text := get(t, client, host.URL+"/v2/models/digits"); status != http.StatusServiceUnavailable {
		t.Errorf("a model after Shutdown: status %d, %s", status, text)
	}
	if err := server.WaitReady(t.Context()); err == nil {
		t.Error("the server is ready after Shutdown")
	}
}

func TestShutdownEndsEveryGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	server := newServer(t, tensorwire.Options{TuneHeap: true, AllowSharedMemory: true})
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestServeEndsWithShutdown serves on two listeners.
func TestServeEndsWithShutdown(t *testing.T) {
	server := newServer(t, tensorwire.Options{})
	served := make(chan error, 2)
	for range 2 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { served <- server.Serve(listener) }()
		if status, text := get(t, newClient(t, true), "http://"+listener.Addr().String()+"/livez"); status != http.StatusOK {
			t.Errorf("status %d: %s", status, text)
		}
	}
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestListenAndServeShutsDownWithItsContext(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	ctx, cancel := context.WithCancel(t.Context())
	server := newServer(t, tensorwire.Options{Listen: "127.0.0.1:0"})
	cancel()
	if err := server.ListenAndServe(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	server = newServer(t, tensorwire.Options{Listen: taken.Addr().String()})
	if err := server.ListenAndServe(t.Context()); err == nil || !strings.Contains(err.Error(), "Options.Listen") {
		t.Errorf("an address in use: %v", err)
	}
}

func TestErrorsNameOptions(t *testing.T) {
	for name, test := range map[string]struct {
		options tensorwire.Options
		is      error
		says    string
	}{
		"queue":         {tensorwire.Options{MaxQueue: -1}, tensorwire.ErrOptions, "Options.MaxQueue is -1: give 1 or more"},
		"budget":        {tensorwire.Options{MemoryBudget: 1000}, tensorwire.ErrOptions, "lower Options.MaxMessageBytes to 500"},
		"control":       {tensorwire.Options{LoadModels: []string{"a"}}, tensorwire.ErrOptions, "Options.LoadModels is a: Options.ModelControl poll"},
		"control value": {tensorwire.Options{ModelControl: 9}, tensorwire.ErrOptions, "Options.ModelControl is 9"},
		"listen":        {tensorwire.Options{Listen: "8080"}, tensorwire.ErrOptions, `Options.Listen is "8080": give host:port`},
		"origin":        {tensorwire.Options{CORSOrigins: []string{"a.example"}}, tensorwire.ErrOptions, `Options.CORSOrigins is "a.example"`},
		"half of TLS":   {tensorwire.Options{TLSKeyFile: "key.pem"}, tensorwire.ErrOptions, "Options.TLSCertFile and Options.TLSKeyFile"},
		"library":       {tensorwire.Options{OnnxRuntimeLibrary: "/nowhere/lib.so"}, tensorwire.ErrLibraryNotFound, "Options.OnnxRuntimeLibrary is /nowhere/lib.so"},
		"models":        {tensorwire.Options{OnnxRuntimeLibrary: library(), Models: "/nowhere/models"}, tensorwire.ErrNotFound, "set Options.Models to another"},
		"default":       {tensorwire.Options{OnnxRuntimeLibrary: library(), DefaultModel: "cat"}, tensorwire.ErrNotFound, `Options.DefaultModel is "cat"`},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Logger = slog.New(slog.DiscardHandler)
			server, err := tensorwire.New(test.options)
			if server != nil || !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v; want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "--") {
				t.Errorf("the error names a flag: %v", err)
			}
		})
	}
}

func TestABadModelIsNoError(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "bad", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad", "1", "model.onnx"), []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := newServer(t, tensorwire.Options{Models: dir})
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/v2/models/bad", nil))
	if answer.Code == http.StatusOK {
		t.Errorf("a model that cannot be loaded: %s", answer.Body)
	}
}
