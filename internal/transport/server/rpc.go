package server

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// compressMinBytes is the size from which responses are compressed: below it, compression
// costs more than it saves.
const compressMinBytes = 1024

// RPC returns the routes of the procedures that register adds, over gRPC, gRPC-Web and
// Connect, with gRPC reflection of them. The procedures of gRPC health are among them where
// register adds these.
func RPC(options Options, register ...func(*connect.Server)) []Route {
	options = options.withDefaults()
	procedures := connect.NewServer(
		recordCalls(), // the outermost: it sees the errors of the others
		boundErrors(),
		overload.Interceptor(),
		recoverCalls(options.Logger),
		settleMemory(options.MaxMessageBytes),
	)
	for _, add := range register {
		add(procedures)
	}
	reflectServices(procedures)

	list := &routeList{streaming: map[string]bool{}, readOnly: map[string]bool{}}
	for spec := range procedures.Specs() {
		list.readOnly[spec.Procedure] = spec.IdempotencyLevel == connect.IdempotencyNoSideEffects
		list.streaming[spec.Procedure] = spec.StreamType&connect.StreamTypeClient != 0
	}
	mount := func(health bool, limit int64) {
		list.health = health
		rpcfast.Mount(list, procedures, rpcfast.Options{
			MaxMessageBytes:  limit,
			Compressors:      []connect.Compressor{wire.NewGzip(gzip.DefaultCompression), wire.NewDeflate(zlib.DefaultCompression)},
			CompressMinBytes: compressMinBytes,
		})
	}
	mount(false, options.MaxMessageBytes)
	mount(true, maxHealthBytes)
	return list.routes
}

// routeList collects what rpcfast mounts: the procedures of gRPC health, or the others.
type routeList struct {
	routes    []Route
	streaming map[string]bool // by procedure
	readOnly  map[string]bool // Connect's GET is allowed
	health    bool
}

// Handle implements connecthttp.ServeMux.
func (l *routeList) Handle(pattern string, handler http.Handler) {
	if isHealth(pattern) != l.health {
		return
	}
	l.routes = append(l.routes, Route{Pattern: pattern, Handler: lenient(handler, l.readOnly[pattern]), Streaming: l.streaming[pattern], Quiet: l.health})
}

// settleMemory returns an interceptor that releases what was reserved for a compressed message
// beyond its actual size, reserves memory for the encoding of responses, and gives the errors of
// connecthttp for messages above the limit, and for those without room, their own form. It also
// reports when a request of reflection has been answered, which that service does not.
func settleMemory(limit int64) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			settling := &settlingStream{ServerStream: stream, ctx: ctx, limit: limitOf(spec.Procedure, limit), reflection: strings.HasPrefix(spec.Procedure, reflectionPrefix)}
			settling.info, _ = connect.CallInfoForServerContext(ctx)
			return next(ctx, spec, settling)
		}
	}
}

// limitOf returns the limit of a procedure's messages, where limit is the one of most.
func limitOf(procedure string, limit int64) int64 {
	if isHealth(procedure) {
		return maxHealthBytes
	}
	return limit
}

type settlingStream struct {
	connect.ServerStream
	// ctx is here because the methods of connect.ServerStream take none.
	ctx        context.Context
	info       *connect.CallInfo // nil: none
	limit      int64             // of a message, in bytes
	reflection bool
}

func (s *settlingStream) Receive(message any) error {
	if err := s.ServerStream.Receive(message); err != nil {
		return rpcfast.MemoryError(wire.AsTooLarge(err, s.limit))
	}
	if s.info != nil && s.info.ReceiveStats.CompressedSize > 0 {
		admission.Settle(s.ctx, int64(s.info.ReceiveStats.Size)+int64(s.info.ReceiveStats.CompressedSize))
	}
	return nil
}

func (s *settlingStream) Send(message any) error {
	if s.info != nil {
		release, err := rpcfast.HoldResponse(s.ctx, s.info, message)
		if err != nil {
			return err
		}
		defer release()
	}
	err := s.ServerStream.Send(message)
	if s.reflection {
		admission.Answered(s.ctx)
	}
	return err
}
