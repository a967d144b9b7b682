package rpc

import (
	"context"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
)

// Options bound what is read. The zero value has no bounds but the protocols'.
type Options struct {
	// MaxMessageBytes bounds a message of a request. 0: 4 GiB, which is what its
	// prefix can say.
	MaxMessageBytes int64
	// CompressMinBytes is the size from which answers are compressed, on the road that
	// compresses. 0: none is too small.
	CompressMinBytes int
}

// Mount adds the procedures of server to mux: by the short road where the package's
// comment says so, else by connecthttp's.
func Mount(mux *http.ServeMux, server *connect.Server, options Options) {
	if options.MaxMessageBytes == 0 {
		options.MaxMessageBytes = 1<<32 - 1
	}
	specs := map[string]connect.Spec{}
	for spec := range server.Specs() {
		specs[spec.Procedure] = spec
	}
	connecthttp.Mount(&router{mux, server, specs, options}, server,
		connecthttp.WithReadMaxBytes(int(options.MaxMessageBytes)),
		connecthttp.WithCompressMinBytes(options.CompressMinBytes),
	)
}

// router takes what connecthttp mounts, and puts the short road before it.
type router struct {
	*http.ServeMux
	server  *connect.Server
	specs   map[string]connect.Spec
	options Options
}

// Handle implements connecthttp.ServeMux.
func (m *router) Handle(pattern string, handler http.Handler) {
	spec, ok := m.specs[pattern[strings.IndexByte(pattern, '/'):]]
	if !ok {
		m.ServeMux.Handle(pattern, handler)
		return
	}
	m.ServeMux.Handle(pattern, &procedure{server: m.server, spec: spec, options: m.options, next: handler, errors: connecthttp.NewErrorWriter()})
}

// procedure serves the calls of one procedure.
type procedure struct {
	server  *connect.Server
	spec    connect.Spec
	options Options
	next    http.Handler
	errors  *connecthttp.ErrorWriter
}

// road is how a call is served.
type road uint8

const (
	roadConnectHTTP road = iota
	roadGRPC
	roadGRPCWeb
	roadUnary // Connect's
)

// choose returns the road of a call.
func (p *procedure) choose(r *http.Request) road {
	contentType := r.Header["Content-Type"]
	if r.Method != http.MethodPost || len(contentType) != 1 {
		return roadConnectHTTP
	}
	chosen := roadConnectHTTP
	switch contentType[0] {
	case "application/grpc", "application/grpc+proto":
		chosen = roadGRPC
		if r.ProtoMajor < 2 {
			return roadConnectHTTP
		}
	case "application/grpc-web", "application/grpc-web+proto":
		chosen = roadGRPCWeb
		if p.spec.StreamType == connect.StreamTypeBidi && r.ProtoMajor < 2 {
			return roadConnectHTTP
		}
	case "application/proto":
		if p.spec.StreamType != connect.StreamTypeUnary {
			return roadConnectHTTP
		}
		if version := r.Header.Get("Connect-Protocol-Version"); version != "" && version != "1" {
			return roadConnectHTTP
		}
		chosen = roadUnary
	}
	for _, name := range [...]string{"Grpc-Encoding", "Content-Encoding"} {
		if encoding := r.Header[name]; len(encoding) > 0 && encoding[0] != connect.CompressionNameIdentity {
			return roadConnectHTTP
		}
	}
	return chosen
}

// ServeHTTP implements http.Handler.
func (p *procedure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p.choose(r) {
	case roadGRPC:
		p.serveGRPC(w, r, false)
	case roadGRPCWeb:
		p.serveGRPC(w, r, true)
	case roadUnary:
		p.serveUnary(w, r)
	case roadConnectHTTP:
		p.next.ServeHTTP(w, r)
	}
}

// newInfo returns what handlers and interceptors learn of a call.
func (p *procedure) newInfo(r *http.Request, protocol string) *connect.CallInfo {
	info := &connect.CallInfo{
		Spec: p.spec, PeerAddr: r.RemoteAddr, Protocol: protocol, Codec: connect.CodecNameProto,
		RequestEncoding: connect.CompressionNameIdentity, ResponseEncoding: connect.CompressionNameIdentity,
	}
	for name, values := range r.Header {
		switch name {
		case "Te", "Content-Length", "Grpc-Accept-Encoding", "Grpc-Timeout", "Connect-Timeout-Ms":
		default:
			info.RequestHeader().SetValues(name, values)
		}
	}
	return info
}

// reserved are fields of the protocols, which handlers do not set.
var reserved = map[string]bool{
	"Content-Type": true, "Content-Length": true, "Content-Encoding": true, "Trailer": true, "Date": true,
	"Accept-Encoding": true, "Connect-Content-Encoding": true, "Connect-Accept-Encoding": true, "Connect-Timeout-Ms": true, "Connect-Protocol-Version": true,
	"Grpc-Encoding": true, "Grpc-Accept-Encoding": true, "Grpc-Timeout": true, "Grpc-Status": true, "Grpc-Message": true, "Grpc-Status-Details-Bin": true,
}

// copyHeader adds what a handler has set to the answer's header, each name behind
// prefix.
func copyHeader(to http.Header, prefix string, from *connect.Header) {
	if from.Len() == 0 {
		return
	}
	for name, values := range from.All() {
		if !reserved[name] {
			to[prefix+name] = append(to[prefix+name], values...)
		}
	}
}

// call runs the procedure, and reports whether the memory of its messages may be used
// again: a handler whose context has ended may have left work behind.
func (p *procedure) call(ctx context.Context, info *connect.CallInfo, stream connect.ServerStream) (err error, reusable bool) { //nolint:revive // the error belongs to the call, the rest to its memory
	err = p.server.Call(ctx, p.spec.Procedure, info, stream)
	return err, ctx.Err() == nil
}
