package h2

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// isEnveloped reports whether a body is a sequence of envelopes: gRPC's, gRPC-Web's and
// Connect's streams.
func isEnveloped(header http.Header) bool {
	contentType := header["Content-Type"]
	return len(contentType) > 0 && envelope.Is(contentType[0])
}

// envelopes tracks message boundaries in a body.
type envelopes struct {
	on   bool
	scan envelope.Scanner
}

// follow advances over data and returns how many messages began in it.
func (e *envelopes) follow(data []byte) (begun int) {
	if !e.on {
		return 0
	}
	for len(data) > 0 {
		n, complete := e.scan.Next(data)
		if complete {
			begun++
		}
		data = data[n:]
	}
	return begun
}
