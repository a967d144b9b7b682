package server

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// restPath is where the REST form of the Open Inference Protocol begins.
const restPath = "/v2"

// jsonLengthHeader tells, on a body that is JSON and tensors behind it, how long the
// JSON is (the protocol's binary tensor data extension).
const jsonLengthHeader = "Inference-Header-Content-Length"

// splitREST sends the paths of the REST API to rest and all others to next. It
// stands before the mux, which would answer /v2/models/../x with a redirect to
// another path of the API, where a client expects an answer.
func splitREST(rest, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.Path, restPath); ok && (path == "" || path[0] == '/') {
			rest.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guardREST stands around the REST API as the interceptors stand around an RPC: it
// logs each request at debug level, and answers a panic with an internal error.
func guardREST(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &answerWriter{ResponseWriter: w}
		if log.Enabled(r.Context(), slog.LevelDebug) {
			defer answer.log(r.Context(), log, r, time.Now())
		}
		defer answer.rescue(r.Context(), log, r)
		next.ServeHTTP(answer, r)
	})
}

// answerWriter knows whether an answer has begun, and its status.
type answerWriter struct {
	http.ResponseWriter
	status int // 0 until the answer begins
}

func (a *answerWriter) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // not of the informational ones
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answerWriter) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (a *answerWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answerWriter) log(ctx context.Context, log *slog.Logger, r *http.Request, start time.Time) {
	log.LogAttrs(ctx, slog.LevelDebug, "request",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("status", a.status),
		slog.Duration("took", time.Since(start)), slog.String("protocol", r.Proto), slog.String("peer", r.RemoteAddr))
}

// rescue answers a panic with the protocol's error, in place of the answer that
// was begun; where that is under way already, it cuts the answer off.
func (a *answerWriter) rescue(ctx context.Context, log *slog.Logger, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
		panic(v)
	}
	log.ErrorContext(ctx, "panic", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	if a.status != 0 {
		panic(http.ErrAbortHandler)
	}
	for _, name := range []string{"Content-Length", "Content-Encoding", jsonLengthHeader} {
		a.Header().Del(name)
	}
	a.Header().Set("Content-Type", "application/json")
	a.WriteHeader(http.StatusInternalServerError)
	_, _ = a.Write([]byte(`{"error":"internal error"}`)) // the caller may have gone
}
