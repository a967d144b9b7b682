package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
)

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	parentID    = "b7ad6b7169203331"
	traceparent = "00-" + traceID + "-" + parentID + "-01"
)

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	quiet = slog.New(slog.DiscardHandler)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept keeps the spans of an in-memory exporter, which its Shutdown drops.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

// traced traces one request with a header, and returns its spans by name.
func traced(t *testing.T, ratio float64, header map[string][]string, do func(telemetry.Trace, *telemetry.Request)) map[string]tracetest.SpanStub {
	t.Helper()
	exporter := kept{tracetest.NewInMemoryExporter()}
	tracer := tracing.New(exporter, tracing.Options{SampleRatio: ratio, Name: "tensorwire", Version: "1.2.3", Logger: quiet})
	id, trace := tracer.Begin(header, start)
	if len(id) != 32 {
		t.Errorf("trace ID %q", id)
	}
	if trace != nil {
		do(trace, &telemetry.Request{ID: "request-1", TraceID: id, Trace: trace})
	}
	if err := tracer.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := map[string]tracetest.SpanStub{}
	for _, s := range exporter.GetSpans() {
		spans[s.Name] = s
	}
	return spans
}

func TestSpansHaveTheirParentsAndTimes(t *testing.T) {
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	spans := traced(t, 1, map[string][]string{"Traceparent": {traceparent}, "Tracestate": {"vendor=value"}}, func(trace telemetry.Trace, r *telemetry.Request) {
		trace.Infer(&telemetry.Inference{Model: "m", Version: "3", Start: at(10), End: at(90), Rows: 8, Steps: []telemetry.Step{
			{Name: "queue", Start: at(20), Duration: 5 * time.Millisecond},
			{Name: "execute", Start: at(25), Duration: 50 * time.Millisecond, Inner: []telemetry.Step{{Name: "compute", Start: at(30), Duration: 40 * time.Millisecond}}},
		}})
		ctx := telemetry.WithRequest(t.Context(), r)
		telemetry.SetOutcome(ctx, telemetry.Outcome{Protocol: "grpc", Code: "ok"})
		telemetry.SetRoute(ctx, "/p.Service/Method")
		trace.End(r, &telemetry.Access{Method: "POST", Path: "/p.Service/Method", HTTP: "HTTP/2.0", Status: 200, Duration: 100 * time.Millisecond})
	})
	for name, want := range map[string]struct {
		parent   string
		from, to int
	}{
		"p.Service/Method": {"", 0, 100},
		"read":             {"p.Service/Method", 0, 10},
		"infer":            {"p.Service/Method", 10, 90},
		"queue":            {"infer", 20, 25},
		"execute":          {"infer", 25, 75},
		"compute":          {"execute", 30, 70},
		"write":            {"p.Service/Method", 90, 100},
	} {
		s, ok := spans[name]
		if !ok {
			t.Fatalf("no span %s in %v", name, spans)
		}
		parent := parentID
		if want.parent != "" {
			parent = spans[want.parent].SpanContext.SpanID().String()
		}
		if s.Parent.SpanID().String() != parent || s.SpanContext.TraceID().String() != traceID || s.SpanContext.TraceState().String() != "vendor=value" {
			t.Errorf("%s has parent %s, want %s, trace %s, state %s", name, s.Parent.SpanID(), parent, s.SpanContext.TraceID(), s.SpanContext.TraceState())
		}
		if !s.StartTime.Equal(at(want.from)) || !s.EndTime.Equal(at(want.to)) {
			t.Errorf("%s is from %v to %v", name, s.StartTime.Sub(start), s.EndTime.Sub(start))
		}
	}
	if len(spans) != 7 {
		t.Errorf("%d spans", len(spans))
	}
	resource := fmt.Sprint(spans["infer"].Resource.Attributes())
	for _, want := range []string{"tensorwire", "1.2.3"} {
		if !strings.Contains(resource, want) {
			t.Errorf("no %s in %s", want, resource)
		}
	}
}

// The client decides whether its trace is sampled, and the ratio decides for others.
func TestSampling(t *testing.T) {
	for _, test := range []struct {
		ratio  float64
		parent string
		traced bool
	}{
		{ratio: 1, traced: true},
		{ratio: 0},
		{ratio: 0, parent: traceparent, traced: true},
		{ratio: 1, parent: strings.TrimSuffix(traceparent, "01") + "00"},
		{ratio: 1, parent: "00-" + strings.Repeat("0", 32) + "-" + parentID + "-00", traced: true}, // not valid
	} {
		header := map[string][]string{}
		if test.parent != "" {
			header["Traceparent"] = []string{test.parent}
		}
		spans := traced(t, test.ratio, header, func(trace telemetry.Trace, r *telemetry.Request) {
			trace.End(r, &telemetry.Access{Protocol: "http", Method: "GET"})
		})
		if (len(spans) == 1) != test.traced {
			t.Errorf("%+v: spans %v", test, spans)
		}
	}
}

func TestNamesAndAttributesFollowTheConventions(t *testing.T) {
	for _, test := range []struct {
		about    string
		route    string
		outcome  telemetry.Outcome
		access   telemetry.Access
		name     string
		contains []string
		failed   bool
	}{
		{about: "gRPC", route: "/p.S/M", outcome: telemetry.Outcome{Protocol: "grpc", Code: "canceled"}, name: "p.S/M", contains: []string{"rpc.system.name=grpc", "rpc.method=p.S/M", "rpc.response.status_code=CANCELLED", "error.type=canceled"}},
		{about: "gRPC-Web", route: "/p.S/M", outcome: telemetry.Outcome{Protocol: "grpcweb", Code: "unavailable"}, name: "p.S/M", contains: []string{"rpc.system.name=grpc", "rpc.response.status_code=UNAVAILABLE"}, failed: true},
		{about: "Connect", route: "/p.S/M", outcome: telemetry.Outcome{Protocol: "connect", Code: "not_found"}, name: "p.S/M", contains: []string{"rpc.system.name=connectrpc", "rpc.response.status_code=not_found"}},
		{about: "an unknown procedure", access: telemetry.Access{Path: "/made.up/Method", Protocol: "grpc", Code: "unimplemented"}, name: "_OTHER", contains: []string{"rpc.method=_OTHER", "url.path=/made.up/Method"}, failed: true},
		{about: "REST", route: "POST /v2/models/{model}/infer", access: telemetry.Access{Method: "POST", Protocol: "http", Code: "ok", Status: 200, HTTP: "HTTP/1.1"}, name: "POST /v2/models/{model}/infer", contains: []string{"http.route=/v2/models/{model}/infer", "http.response.status_code=200", "network.protocol.version=1.1"}},
		{about: "a made-up method", access: telemetry.Access{Method: "MADEUP", Protocol: "http", Code: "unimplemented", Status: 404}, name: "HTTP", contains: []string{"http.request.method=_OTHER"}},
		{about: "an error of the server", access: telemetry.Access{Method: "GET", Protocol: "http", Code: "internal", Status: 500, HTTP: "HTTP/2.0"}, name: "GET", contains: []string{"network.protocol.version=2"}, failed: true},
	} {
		spans := traced(t, 1, nil, func(trace telemetry.Trace, r *telemetry.Request) {
			ctx := telemetry.WithRequest(t.Context(), r)
			telemetry.SetOutcome(ctx, test.outcome)
			telemetry.SetRoute(ctx, test.route)
			trace.End(r, &test.access)
		})
		s, ok := spans[test.name]
		if !ok {
			t.Errorf("%s: no span %q in %v", test.about, test.name, spans)
			continue
		}
		var all []string
		for _, a := range s.Attributes {
			all = append(all, string(a.Key)+"="+a.Value.String())
		}
		text := strings.Join(all, "\n")
		for _, want := range append(test.contains, "tensorwire.request_id=request-1") {
			if !strings.Contains(text+"\n", want+"\n") {
				t.Errorf("%s: no %s in\n%s", test.about, want, text)
			}
		}
		if failed := s.Status.Code.String() == "Error"; failed != test.failed {
			t.Errorf("%s: status %v", test.about, s.Status)
		}
	}
}

// What clients send is bounded: a large tracestate is left out, and long values are cut.
func TestWhatAClientSendsIsBounded(t *testing.T) {
	header := map[string][]string{"Traceparent": {traceparent}, "Tracestate": {"a=" + strings.Repeat("x", 250), "b=" + strings.Repeat("x", 250), "c=" + strings.Repeat("x", 250)}}
	spans := traced(t, 1, header, func(trace telemetry.Trace, r *telemetry.Request) {
		trace.End(r, &telemetry.Access{Protocol: "http", Method: "GET", Path: strings.Repeat("/x", 10000)})
	})
	s := spans["GET"]
	if s.SpanContext.TraceState().Len() != 0 || s.SpanContext.TraceID().String() != traceID {
		t.Errorf("%v", s.SpanContext)
	}
	for _, a := range s.Attributes {
		if n := len(a.Value.String()); n > 1024 {
			t.Errorf("%s has %d bytes", a.Key, n)
		}
	}
}

// stuck is an exporter that waits until its context is done.
type stuck struct {
	began sync.Once
	busy  chan struct{}
}

func (s *stuck) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	s.began.Do(func() { close(s.busy) })
	<-ctx.Done()
	return ctx.Err()
}

func (*stuck) Shutdown(context.Context) error { return nil }

// A collector that does not answer stops no request: the queue is bounded, each span is counted,
// and the shutdown takes no longer than its context.
func TestACollectorThatHangsDelaysNothing(t *testing.T) {
	exporter := &stuck{busy: make(chan struct{})}
	tracer := tracing.New(exporter, tracing.Options{SampleRatio: 1, Logger: quiet})
	request := func() {
		_, trace := tracer.Begin(nil, start)
		trace.End(&telemetry.Request{}, &telemetry.Access{Protocol: "http"})
	}
	const requests = 10_000
	for range requests {
		request()
	}
	<-exporter.busy
	_, _, dropped := tracer.Counts()
	if dropped != requests-4096 {
		t.Errorf("%d of %d spans are dropped, and the queue has 4096", dropped, requests)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tracer.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for { // the rest fails as soon as the exporter notices
		if _, failed, dropped := tracer.Counts(); failed+dropped == requests {
			break
		}
		time.Sleep(time.Millisecond)
	}
}
