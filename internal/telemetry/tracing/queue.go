package tracing

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// maxQueued bounds the spans that wait for their export or are being exported.
	maxQueued = 4096
	// maxBatch and batchDelay are the size of an export, and the time after which a smaller one
	// begins.
	maxBatch   = 512
	batchDelay = 2 * time.Second
)

// queue is the bounded queue before an exporter. It counts, which the SDK's does not: that one
// never is full, because this one admits no more than fit.
type queue struct {
	sdktrace.SpanProcessor
	queued                    atomic.Int64
	exported, failed, dropped atomic.Uint64

	ended context.Context // done when nothing may be exported any more
	end   context.CancelFunc
	log   *slog.Logger
}

func newQueue(exporter sdktrace.SpanExporter, log *slog.Logger) *queue {
	q := &queue{log: log}
	q.ended, q.end = context.WithCancel(context.Background())
	q.SpanProcessor = sdktrace.NewBatchSpanProcessor(&countedExporter{SpanExporter: exporter, queue: q},
		sdktrace.WithMaxQueueSize(maxQueued), sdktrace.WithMaxExportBatchSize(maxBatch),
		sdktrace.WithBatchTimeout(batchDelay), sdktrace.WithExportTimeout(exportTimeout))
	return q
}

// OnEnd implements [sdktrace.SpanProcessor]. It never waits.
func (q *queue) OnEnd(span sdktrace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if q.queued.Add(1) > maxQueued {
		q.queued.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(span)
}

// Shutdown implements [sdktrace.SpanProcessor]. It exports what waits, until ctx is done.
func (q *queue) Shutdown(ctx context.Context) error {
	defer q.end()
	return q.SpanProcessor.Shutdown(ctx)
}

// countedExporter counts the spans of an exporter, and logs when exports begin to fail and when
// they succeed again. The queue calls it for one batch at a time.
type countedExporter struct {
	sdktrace.SpanExporter
	queue   *queue
	failing bool
}

// ExportSpans implements [sdktrace.SpanExporter]. It returns no error: the SDK would write it to
// standard error.
func (e *countedExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.queue.ended, cancel)() //nolint:contextcheck // the end of the queue ends the export, too
	err := e.SpanExporter.ExportSpans(ctx, spans)
	e.queue.queued.Add(-int64(len(spans)))
	if err != nil {
		e.queue.failed.Add(uint64(len(spans)))
	} else {
		e.queue.exported.Add(uint64(len(spans)))
	}
	switch {
	case err != nil && !e.failing:
		e.queue.log.Warn("spans cannot be exported: requests are not affected, and the spans are lost", "error", err)
	case err == nil && e.failing:
		e.queue.log.Info("spans are exported again")
	}
	e.failing = err != nil
	return nil
}
