package rpcfast

import (
	"bytes"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// endWeb sends gRPC's status as gRPC-Web does: as a last envelope with the trailer's fields as
// text ("Protocol differences" in gRPC's PROTOCOL-WEB.md).
func (c *grpcCall) endWeb(failure *connect.Error) {
	c.setStatus(failure)
	if !c.begun && (!c.headerCopied || !hasFields(c.info.ResponseHeader())) {
		// Nothing else is sent: the trailer's fields go into the header.
		header := c.w.Header()
		for name, values := range c.trailer {
			header[name] = append(header[name], values...)
		}
		c.begin()
		return
	}
	c.begin()
	lower := make(http.Header, len(c.trailer))
	for name, values := range c.trailer {
		lower[strings.ToLower(name)] = values
	}
	var text bytes.Buffer
	text.Write(make([]byte, envelope.PrefixSize))
	if err := lower.Write(&text); err != nil { // a bytes.Buffer accepts every write
		return
	}
	data, flags := text.Bytes(), byte(envelope.FlagTrailer)
	if c.wanted(len(data) - envelope.PrefixSize) {
		compressed, err := c.compress(data[envelope.PrefixSize:], envelope.PrefixSize)
		if err != nil {
			return // without an end, the client detects that the response is cut off
		}
		data, flags = compressed, envelope.FlagTrailer|envelope.FlagCompressed
	}
	envelope.Put(data, flags, len(data)-envelope.PrefixSize)
	_, _ = c.w.Write(data) // the client may have disconnected
}
