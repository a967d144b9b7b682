package server

import (
	"errors"
	"io"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// pacedBytes is the size of a stream's message from which it must arrive with the minimum
// transfer rate. A smaller one holds too little memory to be worth a deadline.
const pacedBytes = 64 << 10

// envelopeBody follows the envelopes that are read through it. Before the end of a prefix is
// passed on, the message's memory is reserved; where there is none, Read returns an error.
type envelopeBody struct {
	io.ReadCloser
	meter *meter
	// pace applies the minimum transfer rate to each large message; nil: it applies to the
	// whole body.
	pace  *pace
	scan  envelope.Scanner
	timed bool // pace applies to the current message
	err   error
}

// Read reads a prefix or a message, never both: no byte of a message is returned before its
// memory is reserved.
func (b *envelopeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if left := b.scan.Left(); left > 0 {
		return b.readMessage(p[:min(int64(len(p)), left)])
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.scan.PrefixLeft())])
	if _, begun := b.scan.Next(p[:n]); !begun {
		return n, err
	}
	if rejected := b.begin(); rejected != nil {
		b.err = rejected
		return 0, rejected
	}
	return n, err
}

// begin begins the message whose prefix has been read.
func (b *envelopeBody) begin() error {
	size := b.scan.Prefix.Size()
	if err := b.meter.message(size, b.scan.Prefix.Compressed()); err != nil {
		b.meter.dropper.drop(b.ReadCloser, size)
		return err
	}
	if size == 0 {
		return b.meter.moved(0, true)
	}
	if b.timed = b.pace != nil && size >= pacedBytes; b.timed {
		b.pace.begin()
	}
	return nil
}

func (b *envelopeBody) readMessage(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.scan.Next(p[:n])
	last := b.scan.Left() == 0 || errors.Is(err, io.EOF)
	if over := b.meter.moved(n, last); over != nil {
		b.err = over
		b.meter.revoked(b.ReadCloser, b.scan.Left())
		return 0, over
	}
	if !b.timed {
		return n, err
	}
	if last {
		b.pace.end()
		return n, err
	}
	return n, b.pace.count(n, err)
}
