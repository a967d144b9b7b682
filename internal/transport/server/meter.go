package server

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

const (
	// HeldTimes is how often a message is held in memory at once, and so what of it is
	// reserved: as the bytes that came, which Connect gathers in a buffer, and as what
	// they were decoded to. REST holds the body, and the tensors of its JSON.
	HeldTimes = 2
	// mostInflation is to how many bytes one can decompress with gzip and deflate: a
	// match of 258 bytes takes two bits (RFC 1951, section 3.2.5). How many it will be
	// shows when it is decompressed, all at once, so that the most is reserved before,
	// and what was too much given back after. Any less would let callers with small
	// bodies have the server allocate what it has not reserved.
	mostInflation = 1032
	// unknownStep is what is reserved first of a body of unknown length. Each further
	// step is as large as all before it, as buffers grow.
	unknownStep = 64 << 10
	// roomWait is when a caller that found no room is told to come again. What is
	// reserved is mostly held for less than a second.
	roomWait = time.Second
)

// meter reserves memory for the messages of one request.
type meter struct {
	account *admission.Account
	limit   int64 // of a message, in bytes
	// wait reserves for a message of a stream that is not its first, when there is room:
	// until then it is not read, and flow control stops the sender. nil: no message of
	// the request is answered before the last has come, so that none may wait.
	wait  func(size int64) error
	begun bool
}

// message reserves for a message of size bytes, which are not read yet.
func (m *meter) message(size int64, compressed bool) error {
	if size > m.limit {
		return connect.Errorf(connect.CodeResourceExhausted, "the message has %d bytes, the server takes %d (--max-message-bytes)", size, m.limit)
	}
	if most := m.account.Most(); size > most {
		return connect.Errorf(connect.CodeResourceExhausted, "the message has %d bytes, the server's memory has room for %d (--memory-budget)", size, most)
	}
	later := m.begun
	m.begun = true
	size = m.size(size, compressed)
	switch {
	case later && m.wait != nil:
		return wordWait(m.wait(size))
	case m.account.TryAdd(size):
		return nil
	}
	return noRoom()
}

// size returns what is reserved for so many bytes: at most the whole budget, as it may
// be an estimate.
func (m *meter) size(size int64, compressed bool) int64 {
	if !compressed {
		return size
	}
	return min(size+min(size*mostInflation, m.limit), m.account.Most())
}

func noRoom() error {
	return admission.Unavailable(roomWait, "the server's memory for requests is taken (--memory-budget): try again later")
}

// wordWait words how waiting for room ended.
func wordWait(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, "the deadline passed while the stream waited for memory (--memory-budget)").WithCause(err)
	}
	if err != nil {
		return connect.NewError(connect.CodeCanceled, "the caller has gone").WithCause(err)
	}
	return nil
}

// wholeBody is a body that is one message. It reserves for it at the first Read, so
// that a body that nobody wants takes no memory.
type wholeBody struct {
	io.ReadCloser
	meter      *meter
	length     int64 // in bytes; -1: unknown
	compressed bool
	// drain says that a body that is not taken is read, to nowhere, before the error.
	drain bool

	begun bool
	read  int64
	room  int64 // of a body of unknown length: bytes that may be read before the next step
	err   error
}

func newWholeBody(r *http.Request, m *meter) *wholeBody {
	coding := strings.TrimSpace(r.Header.Get("Content-Encoding"))
	return &wholeBody{
		ReadCloser: r.Body,
		meter:      m,
		length:     r.ContentLength,
		compressed: coding != "" && !strings.EqualFold(coding, "identity"),
		// A client that waits for leave to send has not begun, and is not given it.
		drain: r.ProtoMajor == 1 && r.Header.Get("Expect") == "",
	}
}

func (b *wholeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if err := b.reserve(); err != nil {
		b.err = err
		if b.drain {
			drain(b.ReadCloser, b.meter.limit)
		}
		return 0, err
	}
	if b.length < 0 {
		p = p[:min(int64(len(p)), b.room)]
	}
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.room -= int64(n)
	if b.length < 0 && errors.Is(err, io.EOF) {
		b.meter.account.Settle(b.meter.size(b.read, b.compressed))
	}
	return n, err
}

// reserve reserves for what is read next: once for all where the length is known, else
// in steps. What a compressed body of unknown length takes is not known in steps
// either: the most is reserved.
func (b *wholeBody) reserve() error {
	first := !b.begun
	b.begun = true
	most := min(b.meter.limit, b.meter.account.Most())
	switch {
	case b.length >= 0 && first:
		return b.meter.message(b.length, b.compressed)
	case b.length >= 0 || b.room > 0:
		return nil
	case first && b.compressed:
		b.room = math.MaxInt64
		return b.meter.message(most, true)
	case first:
		b.room = min(unknownStep, most)
		return b.meter.message(b.room, false)
	case b.read >= b.meter.limit:
		b.room = math.MaxInt64 // who reads refuses a byte more, and holds none
		return nil
	case b.read > most:
		return b.meter.message(b.read, false) // which says what fits
	case b.read == most:
		b.room = 1 // or it is the end
		return nil
	}
	b.room = min(max(b.read, unknownStep), most-b.read)
	if !b.meter.account.TryGrow(b.room) {
		return noRoom()
	}
	return nil
}
