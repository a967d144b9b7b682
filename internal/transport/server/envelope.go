package server

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	// envelopePrefix is the length of an envelope's prefix: a byte of flags and the
	// message's length in four, big endian ("Length-Prefixed-Message" in gRPC's
	// PROTOCOL-HTTP2.md).
	envelopePrefix = 5
	// envelopeCompressed is the flag of a message that is compressed, by gRPC and by
	// Connect.
	envelopeCompressed = 1
	// pacedBytes is the size of a stream's message from which it must arrive at a least
	// rate: a smaller one holds too little memory to be worth a deadline.
	pacedBytes = 64 << 10
)

// envelopeBody follows the envelopes that are read through it. Before the end of a
// prefix is passed on it has the message's memory reserved, and ends with an error
// where there is none.
type envelopeBody struct {
	io.ReadCloser
	meter *meter
	// pace holds each large message to a least rate; nil: the whole body is.
	pace *pace
	// drain says that a message that is not taken is read, to nowhere, before the error.
	drain bool

	prefix [envelopePrefix]byte
	have   int   // bytes of the prefix that have been read
	left   int64 // bytes of the message that have not
	timed  bool  // the message is one that pace is for
	err    error
}

// Read reads of a prefix or of a message, never of both: whoever asks for more gets
// no byte of a message before its memory is reserved.
func (b *envelopeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if b.left > 0 {
		return b.readMessage(p[:min(int64(len(p)), b.left)])
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), envelopePrefix-b.have)])
	b.have += copy(b.prefix[b.have:], p[:n])
	if b.have < envelopePrefix {
		return n, err
	}
	b.have = 0
	if refused := b.begin(); refused != nil {
		b.err = refused
		return 0, refused
	}
	return n, err
}

// begin begins the message whose prefix has been read.
func (b *envelopeBody) begin() error {
	size := int64(binary.BigEndian.Uint32(b.prefix[1:]))
	if err := b.meter.message(size, b.prefix[0]&envelopeCompressed != 0); err != nil {
		if b.drain {
			drain(b.ReadCloser, min(size, b.meter.limit))
		}
		return err
	}
	b.left = size
	if b.timed = b.pace != nil && size >= pacedBytes; b.timed {
		b.pace.begin()
	}
	return nil
}

func (b *envelopeBody) readMessage(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if !b.timed {
		return n, err
	}
	if b.left == 0 || errors.Is(err, io.EOF) {
		b.pace.end()
		return n, err
	}
	return n, b.pace.count(n, err)
}
