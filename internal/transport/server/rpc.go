package server

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"net/http"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/grpcreflect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// compressMinBytes is the size from which responses are compressed: below it, compression
// costs more than it saves.
const compressMinBytes = 1024

// RPC returns the routes of the procedures that register adds, over gRPC, gRPC-Web and
// Connect, with gRPC reflection of them, and of gRPC health, which follows lifecycle.
func RPC(lifecycle *telemetry.Lifecycle, options Options, register ...func(*connect.Server)) []Route {
	options = options.withDefaults()
	procedures := connect.NewServer(
		recordCalls(), // the outermost: it sees the errors of the others
		overload.Interceptor(),
		recoverCalls(options.Logger),
		settleMemory(options.MaxMessageBytes),
	)
	for _, add := range register {
		add(procedures)
	}
	services := serviceNames(procedures)
	listed := append(slices.Clone(services), healthService)
	grpcreflect.Register(procedures, grpcreflect.WithNamer(grpcreflect.NamerFunc(func() []string { return listed })))

	list := &routeList{streaming: map[string]bool{}}
	for spec := range procedures.Specs() {
		list.streaming[spec.Procedure] = spec.StreamType&connect.StreamTypeClient != 0
	}
	rpcfast.Mount(list, procedures, rpcfast.Options{
		MaxMessageBytes:  options.MaxMessageBytes,
		Compressors:      []connect.Compressor{wire.NewGzip(gzip.DefaultCompression), wire.NewDeflate(zlib.DefaultCompression)},
		CompressMinBytes: compressMinBytes,
	})
	return append(list.routes, health(lifecycle, services))
}

// routeList collects what rpcfast mounts.
type routeList struct {
	routes    []Route
	streaming map[string]bool // by procedure
}

// Handle implements connecthttp.ServeMux.
func (l *routeList) Handle(pattern string, handler http.Handler) {
	l.routes = append(l.routes, Route{Pattern: pattern, Handler: handler, Streaming: l.streaming[pattern]})
}

// serviceNames returns the names of the services that have procedures, sorted.
func serviceNames(rpc *connect.Server) []string {
	var names []string
	for spec := range rpc.Specs() {
		service, _, _ := strings.Cut(strings.TrimPrefix(spec.Procedure, "/"), "/")
		names = append(names, service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// settleMemory returns an interceptor that releases what was reserved for a compressed message
// beyond its actual size, reserves memory for the encoding of responses, and gives the errors of
// connecthttp for messages above the limit, and for those without room, their own form. It also reports when a request of reflection has been answered, which
// that service does not.
func settleMemory(limit int64) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			settling := &settlingStream{ServerStream: stream, ctx: ctx, limit: limit, reflection: strings.HasPrefix(spec.Procedure, reflectionPrefix)}
			settling.info, _ = connect.CallInfoForServerContext(ctx)
			return next(ctx, spec, settling)
		}
	}
}

// reflectionPrefix begins the procedures of gRPC reflection, in both its versions.
const reflectionPrefix = "/grpc.reflection."

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
