package server

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// maxRequestID is the longest request ID that is accepted from a client.
const maxRequestID = 128

// idPrefix distinguishes the request IDs of this process, and idCount numbers them.
var (
	idPrefix = strings.ToLower(rand.Text()[:8]) + "-"
	idCount  atomic.Uint64
)

// requestID returns the ID that a client sent, if it is printable ASCII without spaces and
// not too long, else a new one.
func requestID(header http.Header) string {
	if values := header[wire.HeaderRequestID]; len(values) == 1 && isRequestID(values[0]) {
		return values[0]
	}
	var memory [32]byte
	return string(strconv.AppendUint(append(memory[:0], idPrefix...), idCount.Add(1), 36))
}

func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// identify is the middleware RequestID.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, r := observe(w, r)
		e.id[0] = e.record.ID
		e.Header()[wire.HeaderRequestID] = e.id[:]
		next.ServeHTTP(e, r)
	})
}

// recordAccess is the middleware AccessLog.
func recordAccess(options Options) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e, r := observe(w, r)
			e.start = time.Now()
			if options.AccessLog.Enabled(r.Context(), options.Logger) { //nolint:contextcheck // observe derives it from the request's
				e.logs = true
				e.countBody(r)
			}
			if options.Tracer != nil {
				e.record.TraceID, e.record.Trace = options.Tracer.Begin(r.Header, e.start)
				if e.record.Trace != nil {
					e.countBody(r)
				}
			}
			defer e.logOutcome(r, &options)
			next.ServeHTTP(e, r)
		})
	}
}

// countBody counts the bytes of the request's body.
func (e *exchange) countBody(r *http.Request) {
	if r.Body != nil && r.Body != http.NoBody && e.body.ReadCloser == nil {
		e.body.ReadCloser = r.Body
		r.Body = &e.body
	}
}

// logOutcome counts and logs a request whose handler has returned.
func (e *exchange) logOutcome(r *http.Request, options *Options) {
	if e.record.Quiet() {
		return
	}
	e.begin() // a handler that returns without a response sends 200
	protocol, code := protocolOf(r), codeOfStatus(e.status)
	if options.Responses != nil {
		o := e.record.OutcomeOr(telemetry.Outcome{Protocol: protocol, Code: code})
		options.Responses.Add(o.Protocol, o.Code)
	}
	if !e.logs && e.record.Trace == nil {
		return
	}
	access := telemetry.Access{
		Method: r.Method, Path: r.URL.Path, HTTP: r.Proto, Peer: peerOf(r), Status: e.status, Protocol: protocol, Code: code,
		BytesIn: e.body.bytes.Load(), BytesOut: e.bytesOut, Duration: time.Since(e.start),
	}
	if e.record.Trace != nil {
		e.record.Trace.End(&e.record, &access)
	}
	if e.logs {
		options.AccessLog.Log(r.Context(), options.Logger, &e.record, access)
	}
}
