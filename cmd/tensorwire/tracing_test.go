package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// collector receives spans over OTLP.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err != nil || proto.Unmarshal(body, &data) != nil {
			t.Errorf("%v: %d bytes", err, len(body))
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range data.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of returns the spans of a trace, each as the path of its names.
func (c *collector) of(id string) (paths []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]*tracepb.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == id {
			byID[string(s.GetSpanId())] = s
		}
	}
	for _, s := range byID {
		path := s.GetName()
		for parent := byID[string(s.GetParentSpanId())]; parent != nil; parent = byID[string(parent.GetParentSpanId())] {
			path = parent.GetName() + " > " + path
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// clientSpan is the span of a client that sends requests.
const clientSpan = "b7ad6b7169203331"

// tracing is a transport that sends a traceparent and counts, so that each request has a trace.
type tracing struct {
	http.RoundTripper
	id string
}

func (t *tracing) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Traceparent", "00-"+t.id+"-"+clientSpan+"-01")
	return t.RoundTripper.RoundTrip(r)
}

// One call over each protocol has a trace with the same steps, below the span of its client. The
// spans are at the collector when the server has stopped.
func TestACallIsTracedOverEveryProtocol(t *testing.T) {
	received, dir := newCollector(t), t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	p := start(t, "--models", dir, "--otlp-endpoint", received.URL, "--trace-sample-ratio", "0", "--access-log", "info", "--log-level", "info")
	traces := map[string]string{} // name of the server's span by ID
	client := func(name string, h2 bool) *http.Client {
		h := *newClient(t, h2, nil)
		id := fmt.Sprintf("%032x", len(traces)+1)
		traces[id] = name
		h.Transport = &tracing{h.Transport, id}
		return &h
	}
	for _, options := range [][]connecthttp.Option{nil, {connecthttp.WithProtoJSON()}, {connecthttp.WithGRPC()}, {connecthttp.WithGRPCWeb()}} {
		c := inferenceClient(client("inference.GRPCInferenceService/ModelInfer", true), p.url, options...)
		if _, err := c.ModelInfer(t.Context(), sumRequest(false)); err != nil {
			t.Fatal(err)
		}
	}
	body := `{"inputs":[{"name":"a","datatype":"FP32","shape":[1,3],"data":[1,2,3]},{"name":"b","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}`
	res, err := client("POST /v2/models/{model}/infer", false).Post(p.url+"/v2/models/sum/infer", "application/json", strings.NewReader(body))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	res.Body.Close()
	// This one is not sampled.
	if _, err := grpcClient(t, p).ModelInfer(t.Context(), sumRequest(false)); err != nil {
		t.Fatal(err)
	}
	settings, err := grpcClient(t, p).TraceSetting(t.Context(), &inference.TraceSettingRequest{})
	if mode := settings.GetSettings()["trace_mode"].GetValue(); err != nil || !slices.Equal(mode, []string{"opentelemetry"}) {
		t.Errorf("trace_mode %v, %v", mode, err)
	}
	p.end(t)
	for id, root := range traces {
		infer := root + " > infer"
		want := []string{
			root, infer, infer + " > decode", infer + " > encode", infer + " > execute", infer + " > execute > compute", infer + " > queue",
			root + " > read", root + " > write",
		}
		if got := received.of(id); !slices.Equal(got, want) {
			t.Errorf("trace %s has\n%s\nwant\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if !strings.Contains(p.out.String(), "trace_id="+id) {
			t.Errorf("the access log has no trace %s: %s", id, p.out)
		}
	}
	received.mu.Lock()
	defer received.mu.Unlock()
	for _, s := range received.spans {
		if _, ok := traces[hex.EncodeToString(s.GetTraceId())]; !ok {
			t.Errorf("span %s is of none of the traces %v", s.GetName(), slices.Collect(maps.Keys(traces)))
		}
		if s.GetKind() == tracepb.Span_SPAN_KIND_SERVER && hex.EncodeToString(s.GetParentSpanId()) != clientSpan {
			t.Errorf("the parent of %s is %x", s.GetName(), s.GetParentSpanId())
		}
		if s.GetEndTimeUnixNano() < s.GetStartTimeUnixNano() {
			t.Errorf("%s ends before it begins", s.GetName())
		}
	}
}

// Each frame of a stream has its inference in the stream's trace.
func TestAStreamIsOneTrace(t *testing.T) {
	received, dir := newCollector(t), t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	p := start(t, "--models", dir, "--otlp-endpoint", received.URL)
	h, id := *newClient(t, true, nil), strings.Repeat("ab", 16)
	h.Transport = &tracing{h.Transport, id}
	stream, err := inferenceClient(&h, p.url, connecthttp.WithGRPC()).ModelStreamInfer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const frames = 3
	for range frames {
		if err := stream.Send(sumRequest(false)); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := stream.Receive(); err != nil {
			break
		}
	}
	p.end(t)
	count := 0
	for _, path := range received.of(id) {
		if path == "inference.GRPCInferenceService/ModelStreamInfer > infer" {
			count++
		}
		if strings.HasSuffix(path, "> read") {
			t.Error("reading and running overlap in a stream")
		}
	}
	if count != frames {
		t.Errorf("%d inferences: %v", count, received.of(id))
	}
}

// A collector that is not there changes no answer and not the exit code. The log has the lost
// spans.
func TestACollectorThatIsNotThereChangesNothing(t *testing.T) {
	dir := t.TempDir()
	sum().Write(t, filepath.Join(dir, "sum", "1", "model.onnx"))
	p := start(t, "--models", dir, "--otlp-endpoint", "http://127.0.0.1:1", "--otlp-protocol", "grpc", "--shutdown-timeout", "2s")
	for range 3 {
		if _, err := grpcClient(t, p).ModelInfer(t.Context(), sumRequest(false)); err != nil {
			t.Fatal(err)
		}
	}
	p.end(t)
	if !strings.Contains(p.out.String(), "were not exported") {
		t.Errorf("the log is %s", p.out)
	}
}
