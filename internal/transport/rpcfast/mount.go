package rpcfast

import (
	"compress/gzip"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// Options are the limits of requests and the compression of responses. The zero value has no
// limits besides the protocols', and gzip.
type Options struct {
	// MaxMessageBytes bounds a message of a request, as it was sent and decompressed. 0:
	// 4 GiB, the largest length that a prefix can hold.
	MaxMessageBytes int64
	// Compressors are the compressions of requests and responses, the preferred one first.
	// nil: gzip.
	Compressors []connect.Compressor
	// CompressMinBytes is the size from which responses are compressed for clients that accept
	// it. 0: all are.
	CompressMinBytes int
}

// Mount adds the procedures of server to mux, with the fast path where the package comment says
// so, and connecthttp as the slow path. All procedures of server are registered before.
func Mount(mux connecthttp.ServeMux, server *connect.Server, options Options) {
	if options.MaxMessageBytes == 0 {
		options.MaxMessageBytes = envelope.MaxMessageSize
	}
	if options.Compressors == nil {
		options.Compressors = []connect.Compressor{wire.NewGzip(gzip.DefaultCompression)}
	}
	shared := &shared{server: server, options: options, compressors: newCompressors(options.Compressors), errors: connecthttp.NewErrorWriter()}
	specs := map[string]connect.Spec{}
	for spec := range server.Specs() {
		specs[spec.Procedure] = spec
	}
	connecthttp.Mount(&router{mux, shared, specs}, server,
		connecthttp.WithReadMaxBytes(int(options.MaxMessageBytes)),
		connecthttp.WithCodecs(codecs()...),
		connecthttp.WithCompressors(options.Compressors...),
		connecthttp.WithCompressMinBytes(options.CompressMinBytes),
	)
}

// router puts the fast path in front of the handlers that connecthttp mounts.
type router struct {
	connecthttp.ServeMux
	shared *shared
	specs  map[string]connect.Spec
}

// Handle implements connecthttp.ServeMux.
func (m *router) Handle(pattern string, handler http.Handler) {
	if spec, ok := m.specs[pattern]; ok {
		handler = &procedure{shared: m.shared, spec: spec, connect: handler}
	}
	m.ServeMux.Handle(pattern, handler)
}

// shared is the common part of all procedures.
type shared struct {
	server      *connect.Server
	options     Options
	compressors compressors
	errors      *connecthttp.ErrorWriter
}

// procedure serves the calls of one procedure.
type procedure struct {
	*shared
	spec connect.Spec
	// connect is the slow path.
	connect http.Handler
	offsets offsets
}

// path is how a call is served.
type path uint8

const (
	slowPath path = iota // connecthttp
	fastGRPC
	fastGRPCWeb
	fastUnary // Connect's protocol, in binary
	fastJSON  // the same in JSON
)

// choose returns the path of a call.
func (p *procedure) choose(w http.ResponseWriter, r *http.Request) path {
	contentType := r.Header[wire.HeaderContentType]
	if r.Method != http.MethodPost || len(contentType) != 1 {
		return slowPath
	}
	// Streams of servers flush; connecthttp has an error for writers that cannot.
	// Bidirectional streams need HTTP/2, as does gRPC.
	if _, ok := w.(http.Flusher); !ok || r.ProtoMajor < 2 && p.spec.StreamType == connect.StreamTypeBidi {
		return slowPath
	}
	chosen, encoding := slowPath, wire.HeaderGRPCEncoding
	switch contentType[0] {
	case "application/grpc", "application/grpc+proto":
		if r.ProtoMajor < 2 {
			return slowPath
		}
		chosen = fastGRPC
	case "application/grpc-web", "application/grpc-web+proto":
		chosen = fastGRPCWeb
	case "application/proto", "application/json":
		version := first(r.Header, wire.HeaderConnectProtocolVersion)
		if p.spec.StreamType != connect.StreamTypeUnary || version != "" && version != "1" {
			return slowPath
		}
		chosen, encoding = fastUnary, wire.HeaderContentEncoding
		if contentType[0] == "application/json" {
			chosen = fastJSON
		}
	}
	if name := first(r.Header, encoding); name != "" && name != connect.CompressionNameIdentity {
		return slowPath
	}
	return chosen
}

// ServeHTTP implements http.Handler.
func (p *procedure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p.choose(w, r) {
	case fastGRPC:
		p.serveGRPC(w, r, false)
	case fastGRPCWeb:
		p.serveGRPC(w, r, true)
	case fastUnary:
		p.serveUnary(w, r, false)
	case fastJSON:
		p.serveUnary(w, r, true)
	case slowPath:
		p.connect.ServeHTTP(w, r)
	}
}

// first returns the first value of a header whose name is in canonical form.
func first(header http.Header, name string) string {
	if values := header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
