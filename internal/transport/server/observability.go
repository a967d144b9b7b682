package server

import (
	"crypto/rand"
	"log/slog"
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

// logAccess is the middleware AccessLog.
func logAccess(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e, r := observe(w, r)
			if !telemetry.LogsAccess(r.Context(), log, &e.record) { //nolint:contextcheck // observe derives it from the request's
				next.ServeHTTP(e, r)
				return
			}
			defer e.log(log, r, time.Now())
			if r.Body != nil && r.Body != http.NoBody {
				e.body.ReadCloser = r.Body
				r.Body = &e.body
			}
			next.ServeHTTP(e, r)
		})
	}
}

func (e *exchange) log(log *slog.Logger, r *http.Request, start time.Time) {
	e.begin() // a handler that returns without a response sends 200
	telemetry.LogAccess(r.Context(), log, &e.record, telemetry.Access{
		Method: r.Method, Path: r.URL.Path, HTTP: r.Proto, Peer: peerOf(r),
		Status: e.status, Code: codeOfStatus(e.status), BytesIn: e.body.bytes.Load(), BytesOut: e.bytesOut, Duration: time.Since(start),
	})
}
