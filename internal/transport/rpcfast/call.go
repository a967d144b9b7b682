package rpcfast

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// call is the common part of all calls on the fast path. One goroutine may receive while
// another sends, as connect.ServerStream specifies.
type call struct {
	// ctx is here because the methods of connect.ServerStream take none.
	ctx   context.Context
	w     http.ResponseWriter
	r     *http.Request
	info  connect.CallInfo
	limit int64
	// singleRequest: the request is exactly one message. unary: so is the response.
	singleRequest, unary bool
	received             bool
	// headerCopied: the handler's header fields are in the response's header.
	// trailerCopied: its trailer fields are in trailer, which is nil where there are none.
	headerCopied, trailerCopied bool
	trailer                     http.Header
	host                        [1]string
	// compressor is the one that the client accepts; nil: none.
	compressor       connect.Compressor
	compressMinBytes int
	leases           leases
	offsets          *offsets // the procedure's
	out              encoded
	// broken: a response could not be written. The write may still be in progress, so that
	// its memory must not be reused.
	broken bool
}

// decodesInPlace says that the messages of a request are decoded in the memory that they are read
// into, which is reserved for them.
func decodesInPlace(r *http.Request) { admission.SetMemory(r.Context(), memoryOf) }

// init prepares c for a request. The header field accept lists the compressions that the
// client accepts.
func (p *procedure) init(c *call, w http.ResponseWriter, r *http.Request, protocol, accept string) {
	c.ctx, c.w, c.r, c.limit = r.Context(), w, r, p.options.MaxMessageBytes
	c.unary = p.spec.StreamType == connect.StreamTypeUnary
	c.singleRequest = c.unary || p.spec.StreamType == connect.StreamTypeServer
	c.leases.single = c.singleRequest
	c.offsets = &p.offsets
	c.compressor, c.compressMinBytes = p.compressors.choose(first(r.Header, accept)), p.options.CompressMinBytes
	c.info = connect.CallInfo{
		Spec: p.spec, PeerAddr: r.RemoteAddr, Protocol: protocol, Codec: connect.CodecNameProto,
		RequestEncoding: connect.CompressionNameIdentity, ResponseEncoding: connect.CompressionNameIdentity,
		TransportInfo: &c.leases,
	}
	if c.compressor != nil {
		c.info.ResponseEncoding = c.compressor.Name()
	}
	header := c.info.RequestHeader()
	for name, values := range r.Header {
		header.SetValues(name, values)
	}
	c.host[0] = r.Host
	header.SetValues(wire.HeaderHost, c.host[:])
}

// run runs the procedure with stream as its messages and the client's timeout. It returns the
// error that the client gets.
func (p *procedure) run(ctx context.Context, c *call, stream connect.ServerStream, timeout timeoutHeader) *connect.Error {
	ctx, cancel, err := timeout.set(ctx, c.r.Header)
	defer cancel()
	if err != nil {
		return asWireError(err)
	}
	c.ctx = ctx
	err = p.server.Call(ctx, p.spec.Procedure, &c.info, stream)
	c.copyHeader()
	c.copyTrailer()
	c.leases.end(err == nil && ctx.Err() == nil && !c.broken)
	return asWireError(err)
}

// copyHeader adds the handler's header fields to the response's, once.
func (c *call) copyHeader() {
	if !c.headerCopied {
		c.headerCopied = true
		copyFields(c.w.Header(), c.info.ResponseHeader())
	}
}

// copyTrailer copies the handler's current trailer fields, once.
func (c *call) copyTrailer() {
	if c.trailerCopied {
		return
	}
	c.trailerCopied = true
	if from := c.info.ResponseTrailer(); from.Len() > 0 {
		c.trailer = make(http.Header, from.Len()+2)
		copyFields(c.trailer, from)
	}
}

// write writes a response. An error's text begins with doing.
func (c *call) write(e *encoded, doing string) error {
	before := c.broken
	c.broken = true // also where the write panics
	if err := e.write(c.w); err != nil {
		return transferError(c.ctx, err, connect.CodeUnknown, doing)
	}
	c.broken = before
	return nil
}

// reserved are the fields of the protocols. Handlers cannot set them.
var reserved = map[string]bool{
	wire.HeaderContentType: true, wire.HeaderContentLength: true, wire.HeaderContentEncoding: true, "Trailer": true, "Date": true,
	wire.HeaderAcceptEncoding: true, "Trailer-": true,
	"Connect-Content-Encoding": true, "Connect-Accept-Encoding": true, wire.HeaderConnectTimeout: true, wire.HeaderConnectProtocolVersion: true,
	wire.HeaderGRPCEncoding: true, wire.HeaderGRPCAcceptEncoding: true, wire.HeaderGRPCTimeout: true,
	wire.HeaderGRPCStatus: true, wire.HeaderGRPCMessage: true, wire.HeaderGRPCStatusDetails: true,
}

// copyFields adds a handler's fields to a header.
func copyFields(to http.Header, from *connect.Header) {
	if from.Len() == 0 {
		return
	}
	for name, values := range from.All() {
		if !reserved[name] {
			to[name] = append(to[name], values...)
		}
	}
}

// hasFields reports whether copyFields would add any.
func hasFields(from *connect.Header) bool {
	for name := range from.All() {
		if !reserved[name] {
			return true
		}
	}
	return false
}
