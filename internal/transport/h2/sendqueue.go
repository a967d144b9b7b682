package h2

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// copyMost is the most of a handler's bytes that are copied into the connection's
	// buffer; more are sent from where they are, while the handler waits.
	maxCopied = 16 << 10
	// bufferMost is from where on handlers wait until the buffer has been written, and
	// controlMost from where on a peer that makes us answer and does not read is
	// given up.
	maxSendBuffer     = 256 << 10
	maxControlBacklog = 1 << 20
	// roundMost is how much is written at once, so that streams take turns, and
	// nearRound how much of it where the peer is near and takes that in no time: more
	// are fewer turns of the goroutines.
	maxRound  = 512 << 10
	nearRound = 1 << 20
	// turnMost is how much of one stream is written in its turn.
	maxTurn = 128 << 10
)

// sender is what is to be sent. conn.mu guards it.
type sendQueue struct {
	// buf holds frames that are complete, in their order; nil when there are none. It
	// is the pool's.
	buf     []byte
	encoder *hpack.Encoder
	encoded bytes.Buffer
	// window is how many bytes of DATA the peer takes on the connection.
	connWindow int64
	// first and last are the ring of streams whose handlers wait for DATA to be sent.
	first, last *stream
	// progress is that of all DATA, and roundSize how much of it is being written.
	progress  sendProgress
	roundSize int
	share     sendShare
	// writing says that the writer is at work; dead that nothing is written any more;
	// closeAfter that the writer ends the connection when it is done; hurried that its
	// write deadline is set for good.
	writing, dead, closeAfter, deadlineFinal bool
	// busy says that a write is under way, and slow that one was when the peer was to answer
	// a PING, which may stand behind it.
	inWrite, pingBehindWrite bool
	// gone is the last stream of the latest GOAWAY, plus one; 0 when there was none.
	lastGoAway uint32
	// drained is told when buf has been written.
	drained sync.Cond
	// resets are streams that we have reset, and ended those that are over, the latest.
	resets, closed recentStreams

	// What follows is the writer's.

	frameHeaders [][frameHeaderSize]byte // of a round's frames; nil before the first
	vector       net.Buffers
	roundStreams []*stream
	deadline     time.Time // of the connection's write deadline
	looks        int       // at how far the peer is
	near         bool
}

func (o *sendQueue) init() {
	o.connWindow = initialWindow
	o.encoder = hpack.NewEncoder(&o.encoded)
}

// firstBuffer is the size of a buffer of frames at first. It holds the answers to some
// dozens of small requests.
const minSendBuffer = 16 << 10

// reserve makes room for n bytes and a few small frames. An idle connection has no
// buffer.
func (o *sendQueue) reserve(n int) {
	if n += 1 << 10; cap(o.buf)-len(o.buf) >= n {
		return
	}
	larger := bufpool.Get(max(minSendBuffer, len(o.buf)+n, min(2*cap(o.buf), 2*maxSendBuffer)))
	larger = larger[:copy(larger, o.buf)]
	bufpool.Put(o.buf)
	o.buf = larger
}

func (o *sendQueue) appendWindowUpdate(id, n uint32) {
	o.reserve(0)
	o.buf = binary.BigEndian.AppendUint32(appendFrame(o.buf, 4, frameWindowUpdate, 0, id), n)
}

func (o *sendQueue) appendRSTStream(id uint32, code errorCode) {
	o.reserve(0)
	o.buf = binary.BigEndian.AppendUint32(appendFrame(o.buf, 4, frameRSTStream, 0, id), uint32(code))
}

func (o *sendQueue) appendPing(payload [8]byte) {
	o.reserve(0)
	o.buf = append(appendFrame(o.buf, 8, framePing, 0, 0), payload[:]...)
}

// goAway says that last was the last stream; a later one never says a higher one (RFC
// 9113, 6.8).
func (o *sendQueue) appendGoAway(last uint32, code errorCode, reason string) {
	if o.lastGoAway > 0 {
		last = min(last, o.lastGoAway-1)
	}
	o.lastGoAway = last + 1
	o.reserve(len(reason))
	o.buf = appendFrame(o.buf, 8+len(reason), frameGoAway, 0, 0)
	o.buf = binary.BigEndian.AppendUint32(o.buf, last)
	o.buf = binary.BigEndian.AppendUint32(o.buf, uint32(code))
	o.buf = append(o.buf, reason...)
}

// headerFrames appends the header block in o.encoded as HEADERS and CONTINUATION.
func (o *sendQueue) appendHeaders(id uint32, endStream bool, maxFrame int) {
	kind, flags := frameHeaders, uint8(0)
	if endStream {
		flags = flagEndStream
	}
	block := o.encoded.Bytes()
	o.reserve(len(block) + len(block)/minFrameSize*frameHeaderSize)
	for {
		n := min(len(block), maxFrame)
		if n == len(block) {
			flags |= flagEndHeaders
		}
		o.buf = append(appendFrame(o.buf, n, kind, flags, id), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			break
		}
		kind, flags = frameContinuation, 0
	}
	o.encoded.Reset()
	if o.encoded.Cap() > maxControlPayload {
		o.encoded = bytes.Buffer{}
	}
}

// queue puts a stream at the ring's end.
func (o *sendQueue) enqueue(st *stream) {
	if st.queued {
		return
	}
	st.queued, st.next = true, nil
	if o.last == nil {
		o.first = st
	} else {
		o.last.next = st
	}
	o.last = st
}

// resume puts a stream whose window has grown back into the ring, where it has
// something to send.
func (o *sendQueue) enqueueIfReady(st *stream) {
	if st.hasPendingLocked() && st.sendWindow > 0 {
		o.enqueue(st)
	}
}

// unqueue takes a stream out of the ring.
func (o *sendQueue) dequeue(st *stream) {
	if !st.queued {
		return
	}
	var before *stream
	for at := o.first; at != st; at = at.next {
		before = at
	}
	if before == nil {
		o.first = st.next
	} else {
		before.next = st.next
	}
	if o.last == st {
		o.last = before
	}
	st.queued, st.next = false, nil
}
