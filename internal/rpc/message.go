package rpc

import (
	"encoding/binary"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

const (
	// prefixSize is the length of an envelope's prefix: a byte of flags and the
	// message's length in four, big endian ("Length-Prefixed-Message" in gRPC's
	// PROTOCOL-HTTP2.md).
	prefixSize = 5
	// trustLeast is how much of a message's announced length is made room for before
	// any of it has come.
	trustLeast = 1 << 20

	flagCompressed = 1
	flagTrailer    = 0x80 // of gRPC-Web
)

// readPrefix reads an envelope's prefix and returns the message's length. io.EOF says
// that there are no more messages.
func readPrefix(body io.Reader, prefix []byte, limit int64) (int, error) {
	n, err := io.ReadFull(body, prefix)
	switch {
	case errors.Is(err, io.EOF):
		return 0, io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF) && n > 0:
		return 0, connect.Errorf(connect.CodeInvalidArgument, "the request ends after %d bytes of a message's prefix of %d", n, prefixSize)
	case err != nil:
		return 0, bodyError(err)
	}
	if prefix[0]&flagCompressed != 0 {
		return 0, connect.Errorf(connect.CodeInternal, "the message is marked as compressed, but grpc-encoding names no compression")
	}
	if prefix[0] != 0 {
		return 0, connect.Errorf(connect.CodeInternal, "the message's prefix has flags 0x%02x, which this protocol does not have", prefix[0])
	}
	length := int64(binary.BigEndian.Uint32(prefix[1:]))
	if length > limit {
		return 0, tooLarge(length, limit)
	}
	return int(length), nil
}

func tooLarge(length, limit int64) error {
	return connect.Errorf(connect.CodeResourceExhausted, "the message has %d bytes, the server takes %d (--max-message-bytes)", length, limit)
}

// readMessage reads a message of n bytes into one buffer of the pool. A large one must
// begin to come before the room for it is made, so that a prefix alone costs little.
func readMessage(body io.Reader, n int) ([]byte, error) {
	first := min(n, trustLeast)
	buf := bufpool.Get(first)
	got, err := io.ReadFull(body, buf)
	if err == nil && first < n {
		whole := bufpool.Get(n)
		copy(whole, buf)
		bufpool.Put(buf)
		buf = whole
		var more int
		more, err = io.ReadFull(body, buf[first:])
		got += more
	}
	if err == nil {
		return buf, nil
	}
	bufpool.Put(buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, connect.Errorf(connect.CodeInvalidArgument, "the request ends after %d bytes of a message of %d", got, n)
	}
	return nil, bodyError(err)
}

// bodyError returns the error of reading a request as the caller's.
func bodyError(err error) error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok {
		return rpc
	}
	return connect.NewError(connect.CodeCanceled, "the request could not be read").WithCause(err)
}
