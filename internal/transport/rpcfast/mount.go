package rpcfast

import (
	"compress/gzip"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// Options bound what is read, and say what is compressed. The zero value has no bounds
// but the protocols', and gzip.
type Options struct {
	// MaxMessageBytes bounds a message of a request, as it was sent and decompressed. 0:
	// 4 GiB, which is what its prefix can say.
	MaxMessageBytes int64
	// Compressors are what requests and answers may be compressed by, the preferred one
	// first. nil: gzip.
	Compressors []connect.Compressor
	// CompressMinBytes is the size from which answers are compressed for callers who
	// take that. 0: none is too small.
	CompressMinBytes int
}

// Mount adds the procedures of server to mux: by the short road where the package's
// comment says so, else by connecthttp's. All of server's procedures are registered
// before.
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
		connecthttp.WithCompressors(options.Compressors...),
		connecthttp.WithCompressMinBytes(options.CompressMinBytes),
	)
}

// router takes what connecthttp mounts, and puts the short road before it.
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

// shared is what all procedures have in common.
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
	// connect serves what does not take the short road.
	connect http.Handler
	places  places
}

// road is how a call is served.
type road uint8

const (
	roadConnect road = iota // connecthttp's
	roadGRPC
	roadGRPCWeb
	roadUnary // Connect's protocol
)

// choose returns the road of a call.
func (p *procedure) choose(w http.ResponseWriter, r *http.Request) road {
	contentType := r.Header[wire.HeaderContentType]
	if r.Method != http.MethodPost || len(contentType) != 1 {
		return roadConnect
	}
	// Servers' streams flush; connecthttp has an error for where that cannot be. Streams
	// of both ways need HTTP/2, and so does gRPC.
	if _, ok := w.(http.Flusher); !ok || r.ProtoMajor < 2 && p.spec.StreamType == connect.StreamTypeBidi {
		return roadConnect
	}
	chosen, encoding := roadConnect, wire.HeaderGRPCEncoding
	switch contentType[0] {
	case "application/grpc", "application/grpc+proto":
		if r.ProtoMajor < 2 {
			return roadConnect
		}
		chosen = roadGRPC
	case "application/grpc-web", "application/grpc-web+proto":
		chosen = roadGRPCWeb
	case "application/proto":
		version := first(r.Header, wire.HeaderConnectProtocolVersion)
		if p.spec.StreamType != connect.StreamTypeUnary || version != "" && version != "1" {
			return roadConnect
		}
		chosen, encoding = roadUnary, wire.HeaderContentEncoding
	}
	if name := first(r.Header, encoding); name != "" && name != connect.CompressionNameIdentity {
		return roadConnect
	}
	return chosen
}

// ServeHTTP implements http.Handler.
func (p *procedure) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p.choose(w, r) {
	case roadGRPC:
		p.serveGRPC(w, r, false)
	case roadGRPCWeb:
		p.serveGRPC(w, r, true)
	case roadUnary:
		p.serveUnary(w, r)
	case roadConnect:
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
