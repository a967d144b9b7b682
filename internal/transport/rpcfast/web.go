package rpcfast

import (
	"bytes"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
)

// flagTrailer marks the envelope that ends a body of gRPC-Web.
const flagTrailer = 0x80

// endWeb sends gRPC's status as gRPC-Web does: as a last envelope with the fields as
// text ("Protocol differences" in gRPC's PROTOCOL-WEB.md).
func (c *grpcCall) endWeb(failure *connect.Error) {
	c.setStatus(failure)
	if !c.begun && (!c.headed || !hasFields(c.info.ResponseHeader())) {
		// Nothing else is sent: the trailer's fields are the header's then.
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
	text.Write(make([]byte, prefixSize))
	if err := lower.Write(&text); err != nil { // a buffer takes all that is written
		return
	}
	data, flags := text.Bytes(), byte(flagTrailer)
	if c.wanted(len(data) - prefixSize) {
		compressed, err := c.compress(data[prefixSize:], prefixSize)
		if err != nil {
			return // without an end, the caller knows that the answer is cut
		}
		data, flags = compressed, flagTrailer|flagCompressed
	}
	setPrefix(data, flags, len(data)-prefixSize)
	_, _ = c.w.Write(data) // the caller has gone
}
