package server

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// wholeBody is a body that is one message. It reserves memory at the first Read, so that a
// body that no handler reads takes none.
type wholeBody struct {
	io.ReadCloser
	meter      *meter
	length     int64 // in bytes; wire.UnknownSize: unknown
	compressed bool

	begun bool
	read  int64
	// room is how many bytes of a body of unknown length may be read before the next
	// reservation.
	room int64
	over bool // more than the limit has been read: the reader rejects the body
	err  error
}

func newWholeBody(r *http.Request, m *meter) *wholeBody {
	encoding := strings.TrimSpace(r.Header.Get(wire.HeaderContentEncoding))
	return &wholeBody{
		ReadCloser: r.Body,
		meter:      m,
		length:     r.ContentLength,
		compressed: encoding != "" && !strings.EqualFold(encoding, wire.CodecIdentity),
	}
}

// left returns how many bytes have not been read.
func (b *wholeBody) left() int64 {
	if b.length < 0 {
		return wire.UnknownSize
	}
	return b.length - b.read
}

func (b *wholeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if err := b.reserve(); err != nil {
		b.err = err
		b.meter.dropper.drop(b.ReadCloser, b.left())
		return 0, err
	}
	if b.length < 0 {
		p = p[:min(int64(len(p)), b.room)]
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.room -= int64(n)
	if over := b.meter.moved(n, err != nil || b.read == b.length); over != nil {
		b.err = over
		b.meter.revoked(b.ReadCloser, b.left())
		return 0, over
	}
	if over := b.length < 0 && b.read > b.meter.limit; over && !b.over {
		b.over = true
		b.meter.dropper.drop(b.ReadCloser, wire.UnknownSize)
	}
	if b.length < 0 && errors.Is(err, io.EOF) {
		b.meter.account.Settle(b.meter.size(b.read, b.compressed))
	}
	return n, err
}

// reserve reserves for what is read next: once for all where the length is known, else in
// steps, each as large as all before it, as buffers grow. For a compressed body of unknown
// length it reserves the maximum, since no step says what it decompresses to.
func (b *wholeBody) reserve() error {
	first := !b.begun
	b.begun = true
	limit := min(b.meter.limit, b.meter.account.MaxMessage())
	switch {
	case b.length >= 0 && first:
		return b.meter.message(b.length, b.compressed)
	case b.length >= 0 || b.room > 0:
		return nil
	case first && b.compressed:
		b.room = math.MaxInt64
		return b.meter.message(limit, true)
	case first:
		b.room = min(wire.FirstStep, limit)
		return b.meter.message(b.room, false)
	case b.read >= b.meter.limit:
		b.room = math.MaxInt64 // the reader rejects the next byte, and holds none
		return nil
	case b.read > limit:
		return b.meter.message(b.read, false) // its error says what fits
	case b.read == limit:
		b.room = 1 // or the end
		return nil
	}
	b.room = min(max(b.read, wire.FirstStep), limit-b.read)
	if !b.meter.account.TryGrow(b.room) {
		return budgetExhausted()
	}
	return nil
}
