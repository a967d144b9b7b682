// Package envelope has the framing of messages in a body: gRPC's, gRPC-Web's and Connect's
// streams prefix each message with a byte of flags and its length in four bytes, big endian
// ("Length-Prefixed-Message" in gRPC's PROTOCOL-HTTP2.md).
//
// It imports the standard library only, so that the HTTP/2 server can use it without a
// dependency on RPC.
package envelope

import (
	"encoding/binary"
	"strings"
)

// PrefixSize is the length of a prefix in bytes.
const PrefixSize = 5

// MaxMessageSize is the largest length that a prefix can hold, in bytes.
const MaxMessageSize = 1<<32 - 1

// The flags of a prefix.
const (
	// FlagCompressed marks a compressed message, in gRPC and in Connect.
	FlagCompressed = 0x01
	// FlagTrailer marks the envelope that ends a gRPC-Web body and holds its trailers.
	FlagTrailer = 0x80
)

// Prefix is the prefix of one message.
type Prefix [PrefixSize]byte

// Flags returns the message's flags.
func (p *Prefix) Flags() byte { return p[0] }

// Compressed reports whether the message is compressed.
func (p *Prefix) Compressed() bool { return p[0]&FlagCompressed != 0 }

// Size returns the length of the message after the prefix, in bytes.
func (p *Prefix) Size() int64 { return int64(binary.BigEndian.Uint32(p[1:])) }

// Put writes the prefix of a message of size bytes to the first PrefixSize bytes of b. size
// is at most MaxMessageSize.
func Put(b []byte, flags byte, size int) {
	b[0] = flags
	binary.BigEndian.PutUint32(b[1:PrefixSize], uint32(size))
}

// Is reports whether bodies of a media type are sequences of envelopes. Media types are
// compared without regard to case (RFC 9110, section 8.3.1).
func Is(contentType string) bool {
	return hasPrefixFold(contentType, "application/grpc") || hasPrefixFold(contentType, "application/connect+")
}

// IsGRPC reports whether a media type is gRPC's. gRPC-Web's is not: its trailers are a part
// of the body.
func IsGRPC(contentType string) bool {
	const grpc = "application/grpc"
	return hasPrefixFold(contentType, grpc) && !strings.HasPrefix(contentType[len(grpc):], "-")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// Scanner follows the envelopes of a body that arrives in pieces. The zero value is at the
// beginning of a body.
type Scanner struct {
	// Prefix is the prefix of the current message. It is complete after a Read of its
	// last byte.
	Prefix Prefix
	have   int   // bytes of the prefix that have arrived
	left   int64 // bytes of the message that have not arrived
}

// Left returns how many bytes of the current message have not arrived. 0: a prefix is next.
func (s *Scanner) Left() int64 { return s.left }

// PrefixLeft returns how many bytes of the next prefix have not arrived.
func (s *Scanner) PrefixLeft() int { return PrefixSize - s.have }

// Next consumes the part of data that belongs to one prefix or one message, and returns its
// length. begun reports that a prefix became complete.
func (s *Scanner) Next(data []byte) (n int, begun bool) {
	if s.left > 0 {
		n = int(min(s.left, int64(len(data))))
		s.left -= int64(n)
		return n, false
	}
	n = copy(s.Prefix[s.have:], data)
	if s.have += n; s.have < PrefixSize {
		return n, false
	}
	s.have = 0
	s.left = s.Prefix.Size()
	return n, true
}
