package tracing

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// request is the trace of one request: a span of the server, and below it one of each inference.
type request struct {
	tracer trace.Tracer
	ctx    context.Context // of span
	span   trace.Span
	start  time.Time

	mu         sync.Mutex
	inferences int
	// first is the arrival of the first inference, last the end of the last one.
	first, last time.Time
}

// Infer implements [telemetry.Trace].
func (r *request) Infer(i *telemetry.Inference) {
	r.mu.Lock()
	if r.inferences++; r.inferences == 1 {
		r.first = i.Start
	}
	r.last = i.End
	r.mu.Unlock()
	ctx, span := r.tracer.Start(r.ctx, "infer", trace.WithTimestamp(i.Start), trace.WithAttributes(inferenceAttributes(i)...))
	if i.Err != nil {
		span.SetStatus(codes.Error, i.Err.Error())
	}
	r.steps(ctx, i.Steps)
	span.End(trace.WithTimestamp(i.End))
}

func inferenceAttributes(i *telemetry.Inference) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("tensorwire.model", i.Model), attribute.String("tensorwire.version", i.Version)}
	if i.Rows > 0 {
		all = append(all, attribute.Int64("tensorwire.batch_size", i.Rows))
	}
	if i.Cached {
		all = append(all, attribute.Bool("tensorwire.cached", true))
	}
	return all
}

// steps records steps as children of the span of ctx.
func (r *request) steps(ctx context.Context, steps []telemetry.Step) {
	for _, s := range steps {
		inner, span := r.tracer.Start(ctx, s.Name, trace.WithTimestamp(s.Start))
		r.steps(inner, s.Inner)
		span.End(trace.WithTimestamp(s.Start.Add(max(s.Duration, 0))))
	}
}

// End implements [telemetry.Trace]. A request with one inference has the steps before and after
// it: reading the message, and writing the response. In a stream these overlap.
func (r *request) End(record *telemetry.Request, access *telemetry.Access) {
	end := r.start.Add(access.Duration)
	r.mu.Lock()
	inferences, first, last := r.inferences, r.first, r.last
	r.mu.Unlock()
	if inferences == 1 {
		r.steps(r.ctx, []telemetry.Step{
			{Name: "read", Start: r.start, Duration: first.Sub(r.start)},
			{Name: "write", Start: last, Duration: end.Sub(last)},
		})
	}
	describe(r.span, record, access)
	r.span.End(trace.WithTimestamp(end))
}
