package telemetry

import (
	"cmp"
	"context"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
)

// Request is the record of one request: its ID, and what the access log reports of it. The
// HTTP server puts one into the context of each request, and the layers below fill it in by
// [SetModel] and [SetOutcome]. It is safe for concurrent use.
type Request struct {
	// ID identifies the request in all log lines. It does not change.
	ID string
	// Peer is the client: its IPv4 address or its IPv6 network. The zero value: unknown. It
	// does not change.
	Peer netip.Addr

	// log is set where the access log wants the fields below, and keep where another reader does.
	log, keep atomic.Bool

	mu      sync.Mutex
	model   string
	version int64 // 0: unknown
	// protocol is grpc, grpcweb or connect; "" for plain HTTP. codec is the RPC's.
	protocol, codec string
	code            string // "": by the HTTP status
	err             error
}

type requestKey struct{}

// WithRequest returns a context that carries the record of its request.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns the record of the request that ctx belongs to; nil where there is none.
func RequestOf(ctx context.Context) *Request {
	r, _ := ctx.Value(requestKey{}).(*Request)
	return r
}

// RequestID returns the ID of the request that ctx belongs to; "" where there is none.
func RequestID(ctx context.Context) string {
	if r := RequestOf(ctx); r != nil {
		return r.ID
	}
	return ""
}

// Peer returns the client of the request that ctx belongs to; the zero value where it is
// unknown.
func Peer(ctx context.Context) netip.Addr {
	if r := RequestOf(ctx); r != nil {
		return r.Peer
	}
	return netip.Addr{}
}

// SetModel records the version of a model that serves the request of ctx. Of a stream, whose
// messages can name several, the last is recorded.
func SetModel(ctx context.Context, model string, version int64) {
	if r := RequestOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.model, r.version = model, version
	}
}

// Outcome is how a request ended.
type Outcome struct {
	// Protocol and Codec are connect's names, such as grpc and proto; "" for plain HTTP.
	Protocol, Codec string
	// Code is ok or the name of the error's code; "": the one of the HTTP status.
	Code string
	// Err is the error as the client gets it; nil: none.
	Err error
}

// SetOutcome records how the request of ctx ended. Without it the access log has the
// code of the HTTP status.
func SetOutcome(ctx context.Context, o Outcome) {
	if r := RequestOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.protocol, r.codec, r.code, r.err = o.Protocol, o.Codec, o.Code, o.Err
	}
}

// Logged reports whether the access log will have a line of the request.
func (r *Request) Logged() bool { return r.log.Load() }

// Kept reports whether someone will read the outcome of the request.
func (r *Request) Kept() bool { return r.log.Load() || r.keep.Load() }

// KeepOutcome requests the outcome of the request of ctx, for [Request.Code].
func KeepOutcome(ctx context.Context) {
	if r := RequestOf(ctx); r != nil {
		r.keep.Store(true)
	}
}

// Code returns ok or the name of the code that the request ended with; byStatus, the one of its
// HTTP status, where it has no outcome.
func (r *Request) Code(byStatus string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cmp.Or(r.code, byStatus)
}

// SkipAccessLog keeps the request of ctx out of the access log. Probes, metrics and the page
// use it.
func SkipAccessLog(ctx context.Context) {
	if r := RequestOf(ctx); r != nil {
		r.log.Store(false)
	}
}

// versionText returns the number of a version; "" for an unknown one.
func versionText(version int64) string {
	if version == 0 {
		return ""
	}
	return strconv.FormatInt(version, 10)
}
