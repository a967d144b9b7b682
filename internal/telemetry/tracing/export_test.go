package tracing_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect/v2"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
)

// export exports the span of one request to a collector.
func export(t *testing.T, endpoint *tracing.Endpoint) (exported, failed uint64) {
	t.Helper()
	tracer := tracing.New(tracing.NewExporter(endpoint), tracing.Options{SampleRatio: 1, Name: "tensorwire", Logger: quiet})
	_, trace := tracer.Begin(nil, start)
	trace.End(&telemetry.Request{}, &telemetry.Access{Protocol: "http", Method: "GET"})
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	exported, failed, _ = tracer.Counts()
	return exported, failed
}

// collect serves a collector and returns its URL.
func collect(t *testing.T, handle http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = &http.Protocols{}
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

func checkSpans(t *testing.T, message []byte) {
	t.Helper()
	var data tracepb.TracesData
	if err := proto.Unmarshal(message, &data); err != nil {
		t.Error(err)
		return
	}
	if name := data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName(); name != "GET" {
		t.Errorf("span %q", name)
	}
}

func TestSpansAreExportedOverHTTP(t *testing.T) {
	var attempts atomic.Int32
	url := collect(t, func(w http.ResponseWriter, r *http.Request) {
		if attempts.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable) // it is sent again
			return
		}
		if r.URL.Path != "/base/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Api-Key") != "a b" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		checkSpans(t, body)
	})
	endpoint, err := tracing.ResolveEndpoint(url+"/base/", "", environment{"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b"}.get)
	if err != nil {
		t.Fatal(err)
	}
	if exported, failed := export(t, endpoint); exported != 1 || failed != 0 || attempts.Load() != 2 {
		t.Errorf("%d exported, %d failed, %d attempts", exported, failed, attempts.Load())
	}
}

func TestSpansAreExportedOverGRPC(t *testing.T) {
	url := collect(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ProtoMajor != 2 || r.URL.Path != "/opentelemetry.proto.collector.trace.v1.TraceService/Export" || r.Header.Get("Api-Key") != "secret" || len(body) < 5 {
			t.Errorf("%s %s %v, %v", r.Proto, r.URL, r.Header, err)
			return
		}
		checkSpans(t, body[5:])
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Trailer", "Grpc-Status")
		_, _ = w.Write(make([]byte, 5)) // an empty message
		w.Header().Set("Grpc-Status", "0")
	})
	endpoint, err := tracing.ResolveEndpoint("", "", environment{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=secret"}.get)
	if err != nil {
		t.Fatal(err)
	}
	if exported, failed := export(t, endpoint); exported != 1 || failed != 0 {
		t.Errorf("%d exported, %d failed", exported, failed)
	}
}

// What a collector rejects is counted and not sent again.
func TestRejectedSpansAreNotRepeated(t *testing.T) {
	for _, protocol := range []string{tracing.ProtocolHTTP, tracing.ProtocolGRPC} {
		var attempts atomic.Int32
		url := collect(t, func(w http.ResponseWriter, r *http.Request) {
			attempts.Add(1)
			if strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
				w.Header().Set("Content-Type", "application/grpc")
				w.Header().Set("Grpc-Status", "16")
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
		})
		endpoint, err := tracing.ResolveEndpoint(url, protocol, environment{}.get)
		if err != nil {
			t.Fatal(err)
		}
		if exported, failed := export(t, endpoint); exported != 0 || failed != 1 || attempts.Load() != 1 {
			t.Errorf("%s: %d exported, %d failed, %d attempts (%v)", protocol, exported, failed, attempts.Load(), connect.CodeUnauthenticated)
		}
	}
}

// environment has variables.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

func TestTheEnvironmentCompletesTheSettings(t *testing.T) {
	const url = "http://collector:4318"
	for _, test := range []struct {
		base, protocol string
		env            environment
		want           string // URL and protocol; empty: no collector
		err            string
	}{
		{env: environment{}},
		{env: environment{"OTEL_EXPORTER_OTLP_ENDPOINT": url}, want: url + " http/protobuf"},
		{env: environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url}, want: url + " http/protobuf"},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://other", "OTEL_TRACES_EXPORTER": "none"}, want: url + " http/protobuf"},
		{base: url, protocol: "grpc", env: environment{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, want: url + " grpc"},
		{env: environment{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_EXPORTER": "none"}},
		{base: url, env: environment{"OTEL_SDK_DISABLED": "true"}},
		{env: environment{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector"}, err: `OTEL_EXPORTER_OTLP_ENDPOINT is "collector": give a URL such as http://localhost:4318`},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, err: "accepted are grpc and http/protobuf"},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_TIMEOUT": "-1"}, err: "give milliseconds"},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_HEADERS": "secret"}, err: "OTEL_EXPORTER_OTLP_HEADERS: give name=value"},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_HEADERS": "a=b%0d%0ac: d"}, err: "give name=value"},
		{base: url, env: environment{"OTEL_EXPORTER_OTLP_CERTIFICATE": "/does/not/exist"}, err: "OTEL_EXPORTER_OTLP_CERTIFICATE: "},
	} {
		e, err := tracing.ResolveEndpoint(test.base, test.protocol, test.env.get)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v: error %v", test.env, err)
			}
			continue
		}
		got := ""
		if e != nil {
			got = e.URL + " " + e.Protocol
		}
		if err != nil || got != test.want {
			t.Errorf("%v: %q, %v, want %q", test.env, got, err, test.want)
		}
	}
}
