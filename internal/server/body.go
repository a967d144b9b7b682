package server

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
)

// limitBodies returns next behind two bounds on the bodies of requests.
//
// A message that is larger than the limit ends the call as soon as its length is
// known. Connect would read an oversize gRPC message to its end first.
//
// A body must arrive at a least rate, also one that nobody reads: net/http reads it
// before it answers on HTTP/1.1. A stream, which needs HTTP/2, may rest between its
// messages for as long as it likes. net/http's own timeouts do neither:
// ReadHeaderTimeout ends before the body, and ReadTimeout would cut streams.
func limitBodies(next http.Handler, streaming map[string]bool, options Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		// net/http looks at its own request's Body to learn whether a connection
		// can be used again: replaced there, what a caller left of an unread body
		// would be taken for its next requests. So the wrappers go into a copy.
		inner := *r
		if !streaming[r.URL.Path] || r.ProtoMajor == 1 {
			inner.Body = newTimedBody(inner.Body, http.NewResponseController(w), options)
		}
		if isEnveloped(r.Header.Get("Content-Type")) {
			inner.Body = &envelopeBody{ReadCloser: inner.Body, limit: options.MaxMessageBytes, drain: r.ProtoMajor == 1}
		}
		next.ServeHTTP(w, &inner)
	})
}

// isEnveloped reports whether a body is a sequence of messages that each have a
// prefix of five bytes: gRPC's, gRPC-Web's and Connect's streams.
func isEnveloped(contentType string) bool {
	contentType = strings.ToLower(contentType)
	return strings.HasPrefix(contentType, "application/grpc") || strings.HasPrefix(contentType, "application/connect+")
}

// envelopePrefix is the length of an envelope's prefix: a byte of flags and the
// message's length in four, big endian ("Length-Prefixed-Message" in gRPC's
// PROTOCOL-HTTP2.md).
const envelopePrefix = 5

// envelopeBody follows the envelopes that are read through it, and ends with an
// error before the prefix of one that is over the limit.
type envelopeBody struct {
	io.ReadCloser
	limit int64
	// drain says that an oversize message is read, to nowhere and up to limit,
	// before the error. A client of HTTP/1.1 reads no answer while it sends, and
	// loses the answer when the connection is closed under it.
	drain bool

	prefix [envelopePrefix]byte
	have   int   // bytes of the prefix that have been read
	left   int64 // bytes of the message that have not
	err    error
}

func (b *envelopeBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.ReadCloser.Read(p)
	if good, ok := b.follow(p[:n]); !ok {
		b.err = connect.Errorf(connect.CodeResourceExhausted, "the message has %d bytes, the server takes %d (--max-message-bytes)", b.left, b.limit)
		if b.drain {
			_, _ = io.CopyN(io.Discard, b.ReadCloser, min(b.left, b.limit)) // a body that ends early is drained
		}
		return good, b.err
	}
	return n, err
}

// follow moves through data. Where a prefix announces too much it returns false,
// and how many bytes come before that prefix.
func (b *envelopeBody) follow(data []byte) (int, bool) {
	for at := 0; at < len(data); {
		if b.left > 0 {
			step := min(b.left, int64(len(data)-at))
			b.left -= step
			at += int(step)
			continue
		}
		n := copy(b.prefix[b.have:], data[at:])
		b.have += n
		at += n
		if b.have < envelopePrefix {
			break
		}
		b.have = 0
		if b.left = int64(binary.BigEndian.Uint32(b.prefix[1:])); b.left > b.limit {
			return at - n, false
		}
	}
	return len(data), true
}

// deadlineStep is by how much a deadline must move before it is set again: setting
// it on HTTP/2 takes a turn of the connection's loop.
const deadlineStep = time.Second

// timedBody ends with an error when the body comes too slowly.
type timedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	start    time.Time
	grace    time.Duration
	rate     int64
	read     int64
	deadline time.Time
}

func newTimedBody(body io.ReadCloser, control *http.ResponseController, options Options) *timedBody {
	b := &timedBody{ReadCloser: body, control: control, start: time.Now(), grace: options.BodyGrace, rate: options.BodyRate}
	b.extend()
	return b
}

// extend moves the deadline to where the bytes that were read have earned it.
func (b *timedBody) extend() {
	deadline := b.start.Add(b.grace + time.Duration(float64(b.read)/float64(b.rate)*float64(time.Second)))
	if b.deadline.IsZero() || deadline.Sub(b.deadline) >= deadlineStep {
		b.deadline = deadline
		_ = b.control.SetReadDeadline(deadline) // a connection that has none is no network's
	}
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case err == nil:
		b.extend()
	case errors.Is(err, io.EOF):
		// The connection is read on to learn whether the caller leaves.
		_ = b.control.SetReadDeadline(time.Time{})
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = connect.Errorf(connect.CodeDeadlineExceeded, "the request's body came too slowly: %d bytes in %v", b.read, time.Since(b.start).Round(time.Second)).WithCause(err)
	}
	return n, err
}
