package server

import (
	"io"
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

const (
	// unsentBytes is how much of a message a client of HTTP/2 may still have to send when it is
	// answered. Node.js accepts no response while more than 10 MB wait to be sent on a connection
	// (maxSessionMemory in its http2 module), and resets the stream instead.
	unsentBytes = 8 << 20
	// droppedMessages bounds what is dropped of one message over HTTP/2, in messages of the limit.
	droppedMessages = 4
)

// dropper reads and drops what a client still sends of a message that is rejected, before the
// client is answered. Clients of HTTP/1.1 read no response while they send, see [wire.Discard];
// some of HTTP/2 read none before they have sent most of it. What is left over HTTP/2 is dropped
// by internal/transport/h2 (RFC 9113, section 8.1).
type dropper struct {
	pace  *pace
	http1 bool
	limit int64 // of a message, in bytes
	// asked: the client waits for 100 Continue, which it does not get, before it sends.
	asked bool
}

func newDropper(r *http.Request, pace *pace, limit int64) dropper {
	return dropper{pace: pace, http1: r.ProtoMajor == 1, limit: limit, asked: r.Header.Get(wire.HeaderExpect) != ""}
}

// drop drops the rest of a message: left bytes, or an unknown number.
func (d *dropper) drop(body io.Reader, left int64) {
	unknown := left == wire.UnknownSize
	switch {
	case d.asked:
	case d.http1 && unknown:
		wire.Discard(body, d.limit)
	case d.http1:
		wire.Discard(body, min(left, d.limit))
	case unknown:
		d.pace.beginLast()
		wire.Discard(body, droppedMessages*d.limit)
	case left > unsentBytes:
		d.pace.beginLast()
		wire.Discard(body, min(left-unsentBytes, droppedMessages*d.limit))
	}
}
