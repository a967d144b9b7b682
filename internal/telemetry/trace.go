package telemetry

import (
	"context"
	"time"
)

// Tracer traces requests. It is safe for concurrent use.
type Tracer interface {
	// Begin begins the trace of a request with a header, whose keys are canonical. id is that of
	// the trace, in W3C's form. trace is nil for a request that is not sampled.
	Begin(header map[string][]string, start time.Time) (id string, trace Trace)
}

// Trace receives the steps of one request. It is safe for concurrent use.
type Trace interface {
	// Infer records an inference that has ended. A stream has several, also at once.
	Infer(*Inference)
	// End ends the trace.
	End(*Request, *Access)
}

// Inference is the run of a request on a model.
type Inference struct {
	Model, Version string
	// Start is the arrival of the request, End the time of its result or error.
	Start, End time.Time
	Steps      []Step
	// Rows is the number of elements of the batch that the request was part of; 0: unknown.
	Rows int64
	// Cached: the response came from the response cache.
	Cached bool
	Err    error
}

// Step is a part of an inference, or of another step.
type Step struct {
	Name     string
	Start    time.Time
	Duration time.Duration
	Inner    []Step
}

// TraceOf returns the trace of the request that ctx belongs to; nil where there is none.
func TraceOf(ctx context.Context) Trace {
	if r := RequestOf(ctx); r != nil {
		return r.Trace
	}
	return nil
}

const (
	// traceparentField is the header field of W3C Trace Context in net/http's form.
	traceparentField = "Traceparent"
	traceparentSize  = 55 // of version 00, which later versions begin with
	traceIDStart     = 3
	traceIDEnd       = 35
)

// TraceID returns the ID of the trace that the client sent with a request, in W3C's
// traceparent; "" where there is none. It is 32 hexadecimal digits.
func TraceID(header map[string][]string) string {
	values := header[traceparentField]
	if len(values) != 1 || len(values[0]) < traceparentSize {
		return ""
	}
	text := values[0]
	if text[:2] == "ff" || len(text) > traceparentSize && (text[:2] == "00" || text[traceparentSize] != '-') {
		return ""
	}
	zeros := [2]bool{true, true} // the trace's ID and the parent's
	for i := range traceparentSize {
		switch c := text[i]; {
		case i == traceIDStart-1, i == traceIDEnd, i == traceparentSize-3:
			if c != '-' {
				return ""
			}
		case !isHex(c):
			return ""
		case c != '0' && i >= traceIDStart && i < traceIDEnd:
			zeros[0] = false
		case c != '0' && i > traceIDEnd && i < traceparentSize-3:
			zeros[1] = false
		}
	}
	if zeros[0] || zeros[1] {
		return ""
	}
	return text[traceIDStart:traceIDEnd]
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' }
