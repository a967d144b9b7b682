package tracing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const (
	// scope is the name of the instrumentation.
	scope = "github.com/tensorwire/tensorwire"
	// maxState bounds a client's tracestate, in bytes: W3C asks for as many.
	maxState = 512
	// maxAttributeBytes bounds the value of an attribute, such as an error or a path.
	maxAttributeBytes = 1024
)

// Options describe the server that is traced.
type Options struct {
	// SampleRatio is the part of the traces that begin at the server that is recorded, 0 to 1.
	// A client that sends a traceparent decides itself.
	SampleRatio float64
	// Name and Version are those of the service.
	Name, Version string
	// Logger gets the errors of exports. nil: slog.Default.
	Logger *slog.Logger
}

// Tracer is a [telemetry.Tracer] that exports its spans.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	queue    *queue
}

var _ telemetry.Tracer = (*Tracer)(nil)

// New returns a tracer that gives its spans to exporter, which it owns. The caller ends it with
// Shutdown.
func New(exporter sdktrace.SpanExporter, options Options) *Tracer {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	q := newQueue(exporter, options.Logger)
	limits := sdktrace.NewSpanLimits()
	limits.AttributeValueLengthLimit = maxAttributeBytes
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(q),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(options.SampleRatio))),
		sdktrace.WithRawSpanLimits(limits),
		sdktrace.WithResource(serviceResource(options)),
	)
	return &Tracer{tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(options.Version)), provider: provider, queue: q}
}

// serviceResource returns the attributes of the service. Those of OTEL_SERVICE_NAME and
// OTEL_RESOURCE_ATTRIBUTES have precedence.
func serviceResource(options Options) *resource.Resource {
	own := []attribute.KeyValue{semconv.ServiceName(options.Name)}
	if options.Version != "" {
		own = append(own, semconv.ServiceVersion(options.Version))
	}
	all, err := resource.Merge(resource.NewSchemaless(own...), resource.Environment())
	if err != nil { // OTEL_RESOURCE_ATTRIBUTES is invalid
		return resource.NewSchemaless(own...)
	}
	return all
}

// Begin implements [telemetry.Tracer].
func (t *Tracer) Begin(header map[string][]string, start time.Time) (string, telemetry.Trace) {
	ctx := context.Background() // a span does not end with its request
	if telemetry.TraceID(header) != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, carrier(header))
	}
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start))
	id := span.SpanContext().TraceID().String()
	if !span.IsRecording() {
		return id, nil
	}
	return id, &request{tracer: t.tracer, ctx: ctx, span: span, start: start}
}

// carrier returns the header fields of W3C Trace Context. The baggage of a client is for servers
// that this one would call, and it calls none.
func carrier(header map[string][]string) propagation.HeaderCarrier {
	fields := http.Header{"Traceparent": header["Traceparent"]}
	size := 0
	for _, state := range header["Tracestate"] {
		size += len(state)
	}
	if size <= maxState {
		fields["Tracestate"] = header["Tracestate"]
	}
	return propagation.HeaderCarrier(fields)
}

// Shutdown exports the spans that wait, until ctx is done, and ends the tracer.
func (t *Tracer) Shutdown(ctx context.Context) error {
	err := t.queue.Shutdown(ctx) // the provider's would not begin when ctx is done
	return errors.Join(err, t.provider.Shutdown(context.WithoutCancel(ctx)))
}

// Counts returns how many spans were exported, how many the collector did not accept, and how
// many were dropped because the queue was full.
func (t *Tracer) Counts() (exported, failed, dropped uint64) {
	return t.queue.exported.Load(), t.queue.failed.Load(), t.queue.dropped.Load()
}
