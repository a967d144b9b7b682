package tracing

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	// exportTimeout bounds the export of a batch, with its repetitions.
	exportTimeout = 30 * time.Second
	// firstPause is the wait before an export is repeated. It doubles up to maxPause.
	firstPause = 500 * time.Millisecond
	maxPause   = 8 * time.Second
)

// NewExporter returns an exporter to the collector at an endpoint. It connects with the first
// export.
func NewExporter(e *Endpoint) sdktrace.SpanExporter { return otlptrace.NewUnstarted(e.client()) }

// sender sends a message to a collector once. It returns errRetry for an error that a repetition
// can solve.
type sender func(ctx context.Context, message proto.Message) error

var errRetry = errors.New("the collector cannot accept it now")

// client implements [otlptrace.Client].
type client struct {
	send      sender
	closeIdle func()        // closes the connections
	timeout   time.Duration // of each attempt
}

var _ otlptrace.Client = (*client)(nil)

// Start implements [otlptrace.Client].
func (*client) Start(context.Context) error { return nil }

// Stop implements [otlptrace.Client].
func (c *client) Stop(context.Context) error {
	c.closeIdle()
	return nil
}

// UploadTraces sends spans until the collector has accepted them, rejects them, or ctx is done.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// The request of the service has the same field as TracesData, whose package does not import
	// grpc-go.
	message := &tracepb.TracesData{ResourceSpans: spans}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := c.attempt(ctx, message)
		if err == nil || !errors.Is(err, errRetry) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

func (c *client) attempt(ctx context.Context, message proto.Message) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.send(ctx, message)
}
