package rpcfast

import (
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// grpcCall is a call over gRPC or gRPC-Web.
type grpcCall struct {
	call
	web bool
	// begun: the response's header was written. wrote: a part of its body was.
	begun, wrote bool
	prefix       envelope.Prefix
	// unread is how many bytes of a message above the limit are left in the body.
	unread int64
}

func (p *procedure) serveGRPC(w http.ResponseWriter, r *http.Request, web bool) {
	c := &grpcCall{web: web}
	protocol := connect.ProtocolNameGRPC
	if web {
		protocol = connect.ProtocolNameGRPCWeb
	}
	p.init(&c.call, w, r, protocol, wire.HeaderGRPCAcceptEncoding)
	decodesInPlace(r)
	header := w.Header()
	header[wire.HeaderContentType] = r.Header[wire.HeaderContentType][:1:1]
	header[wire.HeaderGRPCAcceptEncoding] = p.compressors.names
	if c.compressor != nil {
		header[wire.HeaderGRPCEncoding] = []string{c.compressor.Name()}
	}
	failure := p.run(r.Context(), &c.call, c, grpcTimeout)
	if web {
		c.endWeb(failure)
	} else {
		c.end(failure)
	}
	// The rest of the body is not needed, and a client that still sends is not waited for.
	_ = r.Body.Close()
}

// Receive implements connect.ServerStream.
func (c *grpcCall) Receive(msg any) error {
	if !c.singleRequest {
		return c.receive(msg)
	}
	if c.received {
		return io.EOF
	}
	c.received = true
	if err := c.receive(msg); errors.Is(err, io.EOF) {
		return connect.Errorf(connect.CodeUnimplemented, "unary request has zero messages")
	} else if err != nil {
		return err
	}
	// The end must follow. Anything else is read as a message, so that its own error is
	// reported first.
	if err := c.receive(msg); err == nil {
		return connect.Errorf(connect.CodeUnimplemented, "unary request has multiple messages")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// receive reads the next message into msg.
func (c *grpcCall) receive(msg any) error {
	buf, err := c.next()
	if err != nil {
		return err
	}
	if len(buf) == 0 {
		c.info.ReceiveStats = connect.MessageStats{}
		return nil
	}
	return c.decode(buf, msg)
}

// decode decodes the pooled buffer buf into msg, and ends or holds the buffer's lease.
func (c *call) decode(buf []byte, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		bufpool.Put(buf)
		return malformed(notAMessage(msg))
	}
	if err := c.reserve(buf, m); err != nil {
		bufpool.Put(buf)
		return err
	}
	largest, err := decode(buf, m, aliasMinBytes)
	if err != nil {
		bufpool.Put(buf)
		return malformed(err)
	}
	c.info.ReceiveStats = connect.MessageStats{Size: len(buf)}
	if largest != nil {
		c.offsets.learn(buf, largest)
		c.leases.hold(m, buf)
		return nil
	}
	c.leases.hold(m, nil)
	bufpool.Put(buf)
	return nil
}

// begin writes the response's header, which is sent with the next bytes.
func (c *grpcCall) begin() {
	if c.begun {
		return
	}
	c.begun = true
	c.copyHeader()
	c.w.WriteHeader(http.StatusOK)
}

// flush sends what was written. It returns no error: the next write does.
func (c *call) flush() {
	if flusher, ok := c.w.(http.Flusher); ok {
		flusher.Flush()
	}
}

// SendHeaders implements connect.ServerStream. The header of a unary call is sent with its
// response.
func (c *grpcCall) SendHeaders() error {
	if !c.unary && !c.begun {
		c.begin()
		c.flush()
	}
	return nil
}

// Send implements connect.ServerStream.
func (c *grpcCall) Send(msg any) error {
	c.begin()
	if c.unary {
		c.copyTrailer()
	}
	err := c.send(msg)
	if !c.unary || err != nil {
		c.flush()
	}
	return err
}

// send writes a message in its envelope.
func (c *grpcCall) send(msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return unencodable(notAMessage(msg))
	}
	if err := c.out.encode(m, envelope.PrefixSize, detachMinBytes, c.hold); err != nil {
		return unencodable(err)
	}
	defer func() { c.out.release(!c.broken) }()
	if !c.wanted(c.out.compressible()) {
		if c.out.size > envelope.MaxMessageSize {
			return connect.Errorf(connect.CodeResourceExhausted, "response has %d bytes, a gRPC message has at most %d: request fewer outputs or a smaller batch", c.out.size, envelope.MaxMessageSize)
		}
		envelope.Put(c.out.parts[0], 0, c.out.size)
		c.info.SendStats = connect.MessageStats{Size: c.out.size}
		c.wrote = true
		return c.write(&c.out, "write envelope: ")
	}
	data, err := c.compress(c.out.parts[0][envelope.PrefixSize:], envelope.PrefixSize)
	if err != nil {
		return err
	}
	envelope.Put(data, envelope.FlagCompressed, len(data)-envelope.PrefixSize)
	c.info.SendStats = connect.MessageStats{Size: c.out.size, CompressedSize: len(data) - envelope.PrefixSize}
	c.wrote = true
	return c.write(&encoded{parts: [][]byte{data}}, "write envelope: ")
}

// end sends gRPC's status as trailers.
func (c *grpcCall) end(failure *connect.Error) {
	// The header is not sent before the trailer is set: the server may send both as one.
	c.copyHeader()
	header := c.w.Header()
	if failure == nil {
		header[http.TrailerPrefix+wire.HeaderGRPCStatus] = statusOK
	} else {
		c.setStatus(failure)
	}
	for name, values := range c.trailer {
		header[http.TrailerPrefix+name] = values
	}
	if !c.wrote {
		// net/http sends no trailers where nothing was written before:
		// https://github.com/golang/go/issues/54723.
		c.flush()
	}
}
