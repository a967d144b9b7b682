package rpcfast

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/textproto"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// maxDiscard is how many bytes of a body are read to check that nothing follows its end.
const maxDiscard = 4 << 20

// next reads the next message into a pooled buffer, which the caller owns; an empty message
// has none. At the body's end the error is io.EOF to errors.Is.
func (c *grpcCall) next() ([]byte, error) {
	if c.unread > 0 { // of a message above the limit
		wire.Discard(c.r.Body, c.unread) // the next read returns an error again
		c.unread = 0
	}
	n, err := wire.Fill(c.r.Body, c.prefix[:])
	switch {
	case err == nil:
	case n == 0 && errors.Is(err, io.EOF):
		return nil, errEnd
	default:
		if over := overReader(err, "read 5 byte message prefix"); over != nil {
			return nil, over
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, transferError(c.ctx, err, connect.CodeInternal, "protocol error: incomplete envelope: ")
	}
	flags, size := c.prefix.Flags(), c.prefix.Size()
	if size > c.limit {
		c.unread = size - c.drain(size)
		return nil, wire.TooLarge(size, c.limit)
	}
	var buf []byte
	if size > 0 {
		var got int
		if buf, got, err = wire.ReadMessage(c.r.Body, c.offsets.lead(int(size)), int(size)); err != nil {
			return nil, c.cut(err, int(size), got)
		}
	}
	if flags == 0 {
		return buf, nil
	}
	defer bufpool.Put(buf)
	return nil, c.special(flags, buf)
}

// cut returns the error of an incomplete message.
func (c *grpcCall) cut(err error, size, got int) error {
	if errors.Is(err, io.EOF) {
		return connect.Errorf(connect.CodeInternal, "protocol error: promised %d bytes in enveloped message, got %d bytes", size, got).WithCause(io.ErrUnexpectedEOF)
	}
	if over := overReader(err, "read %d byte message", size); over != nil {
		return over
	}
	return transferError(c.ctx, err, connect.CodeUnknown, "read enveloped message: ")
}

// drain reads what a client of HTTP/1.1 sends of a message above the limit, up to the limit,
// and returns how many bytes that were. See [wire.Discard].
func (c *call) drain(size int64) int64 {
	if c.r.ProtoMajor >= 2 {
		return 0
	}
	return wire.Discard(c.r.Body, min(size, c.limit))
}

// special returns the meaning of an envelope with flags: the body's end, for gRPC-Web, or an
// error.
func (c *grpcCall) special(flags byte, data []byte) error {
	if flags&envelope.FlagCompressed != 0 {
		return connect.Errorf(connect.CodeInternal, "protocol error: sent compressed message without compression support")
	}
	n, err := io.CopyN(io.Discard, c.r.Body, maxDiscard)
	if err != nil && !errors.Is(err, io.EOF) {
		if coded := transferError(c.ctx, err, 0, ""); connect.CodeOf(coded) != connect.CodeUnknown {
			return coded
		}
	}
	if n > 0 {
		return connect.Errorf(connect.CodeInternal, "corrupt response: %d extra bytes after end of stream", n)
	}
	if !c.web || flags&envelope.FlagTrailer == 0 {
		return connect.Errorf(connect.CodeInternal, "protocol error: invalid envelope flags %d", flags)
	}
	// Handlers do not get the fields.
	text := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\n"))))
	if _, err := text.ReadMIMEHeader(); err != nil {
		return connect.Errorf(connect.CodeInternal, "gRPC-Web protocol error: trailers invalid: %s", err).WithCause(err)
	}
	return errMarkedEnd
}
