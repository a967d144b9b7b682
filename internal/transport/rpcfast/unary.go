package rpcfast

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// unaryCall is a unary call of Connect's protocol: the body is the message.
type unaryCall struct {
	call
	json, sent bool
}

func (p *procedure) serveUnary(w http.ResponseWriter, r *http.Request, json bool) {
	c := &unaryCall{json: json}
	p.init(&c.call, w, r, connect.ProtocolNameConnect, wire.HeaderAcceptEncoding)
	if json {
		c.info.Codec = connect.CodecNameJSON
	} else {
		decodesInPlace(r)
	}
	header := w.Header()
	header[wire.HeaderContentType] = r.Header[wire.HeaderContentType]
	header[wire.HeaderAcceptEncoding] = p.compressors.names
	failure := p.run(r.Context(), &c.call, c, connectTimeout)
	if !c.sent {
		c.mergeTrailer()
		if failure != nil {
			_ = p.errors.Write(w, r, failure) // the client may have disconnected
		}
	}
	_ = r.Body.Close() // the rest of it is not needed
}

// Receive implements connect.ServerStream.
func (c *unaryCall) Receive(msg any) error {
	if c.received {
		return io.EOF
	}
	c.received = true
	buf, got, err := wire.ReadBody(c.r.Body, c.offsets.lead(int(max(c.r.ContentLength, 0))), c.r.ContentLength, c.limit)
	switch {
	case err == nil && c.json:
		return c.decodeJSON(buf, msg)
	case err == nil:
		return c.decode(buf, msg)
	case errors.Is(err, wire.ErrMore):
		c.drain(c.limit - int64(got))
		return wire.TooLarge(max(c.r.ContentLength, wire.UnknownSize), c.limit)
	}
	if over := overReader(err, "read first %d bytes of message", got); over != nil {
		return over
	}
	return transferError(c.ctx, err, connect.CodeUnknown, "read message: ")
}

// SendHeaders implements connect.ServerStream. The header waits for the response, because an
// error has another status.
func (c *unaryCall) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (c *unaryCall) Send(msg any) error {
	if c.sent {
		return connect.NewError(connect.CodeInternal, "response already sent: a unary call has one")
	}
	c.copyHeader()
	c.copyTrailer()
	m, ok := msg.(proto.Message)
	if !ok {
		return unencodable(notAMessage(msg))
	}
	if err := c.encode(m); err != nil {
		return unencodable(err)
	}
	defer func() { c.out.release(!c.broken) }()
	header := c.w.Header()
	if !c.wanted(c.out.compressible()) {
		c.begin(header, c.out.size)
		c.info.SendStats = connect.MessageStats{Size: c.out.size}
		return c.write(&c.out, "write message: ")
	}
	data, err := c.compress(c.out.parts[0], 0)
	if err != nil {
		return err
	}
	header[wire.HeaderContentEncoding] = []string{c.compressor.Name()}
	c.begin(header, len(data))
	c.info.SendStats = connect.MessageStats{Size: c.out.size, CompressedSize: len(data)}
	return c.write(&encoded{parts: [][]byte{data}}, "write message: ")
}

func (c *unaryCall) encode(m proto.Message) error {
	if c.json {
		return c.out.encodeJSON(m, c.hold)
	}
	return c.out.encode(m, 0, detachMinBytes, c.hold)
}

// begin writes the header of a response of size bytes, which is sent with the next bytes.
func (c *unaryCall) begin(header http.Header, size int) {
	c.sent = true
	c.mergeTrailer()
	header[wire.HeaderContentLength] = []string{strconv.Itoa(size)}
	c.w.WriteHeader(http.StatusOK)
}

// mergeTrailer sets the trailer's fields among the header's ("Unary-Response" in
// Connect's protocol reference).
func (c *unaryCall) mergeTrailer() {
	header := c.w.Header()
	for name, values := range c.trailer {
		header["Trailer-"+name] = values
	}
}
