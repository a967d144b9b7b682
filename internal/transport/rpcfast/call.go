package rpcfast

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// call is what all calls of the short road have in common. One goroutine may receive
// and another send, as connect.ServerStream has it.
type call struct {
	// ctx is here because the methods of connect.ServerStream take none.
	ctx   context.Context
	w     http.ResponseWriter
	r     *http.Request
	info  connect.CallInfo
	limit int64
	// one says that the request is exactly one message, and only that the answer is,
	// too.
	one, only bool
	received  bool
	// headed says that the handler's header fields are in the answer's header, and
	// trailed that its trailer fields are in trailer, which is nil where there are none.
	headed, trailed bool
	trailer         http.Header
	host            [1]string
	// compressor is what the caller takes answers by; nil: none.
	compressor    connect.Compressor
	compressLeast int
	leases        leases
	places        *places // the procedure's
	out           encoded
	// broken says that an answer could not be written: it may still be on its way, and
	// its memory is nobody's to use again.
	broken bool
}

// init sets c up for a request that takes answers in the compressions that the header
// accept lists.
func (p *procedure) init(c *call, w http.ResponseWriter, r *http.Request, protocol, accept string) {
	c.ctx, c.w, c.r, c.limit = r.Context(), w, r, p.options.MaxMessageBytes
	admission.SetRoom(r.Context(), memoryOf) // what a message is decoded to is the memory that it came into
	c.only = p.spec.StreamType == connect.StreamTypeUnary
	c.one = c.only || p.spec.StreamType == connect.StreamTypeServer
	c.leases.one = c.one
	c.places = &p.places
	c.compressor, c.compressLeast = p.compressors.choose(first(r.Header, accept)), p.options.CompressMinBytes
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

// run runs the procedure in the time that the caller gives, with stream as its messages.
// It returns what the caller is to see of the handler's error.
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

// copyHeader adds the handler's header fields to the answer's, once.
func (c *call) copyHeader() {
	if !c.headed {
		c.headed = true
		copyFields(c.w.Header(), c.info.ResponseHeader())
	}
}

// copyTrailer takes the handler's trailer fields as they are, once.
func (c *call) copyTrailer() {
	if c.trailed {
		return
	}
	c.trailed = true
	if from := c.info.ResponseTrailer(); from.Len() > 0 {
		c.trailer = make(http.Header, from.Len()+2)
		copyFields(c.trailer, from)
	}
}

// write writes an answer. doing is for the error's text.
func (c *call) write(e *encoded, doing string) error {
	before := c.broken
	c.broken = true // also where the write panics
	if err := e.write(c.w); err != nil {
		return transferError(c.ctx, err, connect.CodeUnknown, doing)
	}
	c.broken = before
	return nil
}

// reserved are fields of the protocols, which handlers do not set.
var reserved = map[string]bool{
	wire.HeaderContentType: true, wire.HeaderContentLength: true, wire.HeaderContentEncoding: true, "Trailer": true, "Date": true,
	wire.HeaderAcceptEncoding: true, "Trailer-": true,
	"Connect-Content-Encoding": true, "Connect-Accept-Encoding": true, wire.HeaderConnectTimeout: true, wire.HeaderConnectProtocolVersion: true,
	wire.HeaderGRPCEncoding: true, wire.HeaderGRPCAcceptEncoding: true, wire.HeaderGRPCTimeout: true,
	wire.HeaderGRPCStatus: true, wire.HeaderGRPCMessage: true, wire.HeaderGRPCStatusDetails: true,
}

// copyFields adds the fields of a handler.
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
