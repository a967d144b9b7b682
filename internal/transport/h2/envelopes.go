package h2

import (
	"net/http"
	"strings"
)

// isEnveloped reports whether a body is a sequence of messages with a 5-byte prefix each:
// gRPC, gRPC-Web and Connect streaming.
func isEnveloped(header http.Header) bool {
	contentType := header["Content-Type"]
	return len(contentType) > 0 && (strings.HasPrefix(contentType[0], "application/grpc") || strings.HasPrefix(contentType[0], "application/connect+"))
}

// envelopes tracks message boundaries in a body. A message is one byte of flags, its length
// in four bytes, big endian, and its bytes ("Length-Prefixed-Message" in gRPC's
// PROTOCOL-HTTP2.md).
type envelopes struct {
	on     bool
	prefix [5]byte
	have   int
	left   int64 // bytes of the current message to come
}

// follow advances over data and returns how many messages began in it.
func (e *envelopes) follow(data []byte) (begun int) {
	if !e.on {
		return 0
	}
	for len(data) > 0 {
		if e.left > 0 {
			step := min(e.left, int64(len(data)))
			e.left -= step
			data = data[step:]
			continue
		}
		n := copy(e.prefix[e.have:], data)
		e.have += n
		data = data[n:]
		if e.have == len(e.prefix) {
			begun++
			e.have = 0
			e.left = int64(e.prefix[1])<<24 | int64(e.prefix[2])<<16 | int64(e.prefix[3])<<8 | int64(e.prefix[4])
		}
	}
	return begun
}
