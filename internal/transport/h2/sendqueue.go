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
	// maxCopied bounds the bytes of one Write that are copied into the send buffer. More
	// bytes are sent from the handler's memory, while the handler waits.
	maxCopied = 16 << 10
	// maxSendBuffer is the size of the send buffer from which handlers wait.
	// maxControlBacklog is the size from which a peer that causes control frames without
	// reading them loses its connection.
	maxSendBuffer     = 256 << 10
	maxControlBacklog = 1 << 20
	// maxRound bounds the bytes of one write, so that streams take turns. maxLocalRound
	// is the bound for a peer on the same machine, which accepts them quickly: fewer
	// goroutine switches.
	maxRound      = 512 << 10
	maxLocalRound = 1 << 20
	// maxTurn bounds the bytes of one stream per round.
	maxTurn = 128 << 10
)

// sendQueue is what a connection has to send. conn.mu guards it; all of its methods require
// conn.mu.
type sendQueue struct {
	// buf holds complete frames in order; nil without any. It comes from bufpool.
	buf     []byte
	encoder *hpack.Encoder
	encoded bytes.Buffer
	// connWindow is the peer's receive window of the connection: bytes of DATA that may be
	// sent.
	connWindow int64
	// first and last are the queue of streams whose handlers wait for DATA to be sent.
	first, last *stream
	// progress is the progress of all DATA. roundSize is the DATA of the current write.
	progress  sendProgress
	roundSize int
	share     sendShare
	// writing: the writer is running. dead: nothing is written any more. closeAfter: the
	// writer closes the connection at its end. deadlineFinal: no write extends the write
	// deadline any more.
	writing, dead, closeAfter, deadlineFinal bool
	// inWrite: a write is under way. pingBehindWrite: one was when the peer owed an answer
	// to PING, which may be queued behind it.
	inWrite, pingBehindWrite bool
	// lastGoAway is the last stream that the latest GOAWAY named, plus one; 0 before the
	// first.
	lastGoAway uint32
	// drained is signaled when buf has been written.
	drained sync.Cond
	// resets are the latest streams that the server has reset, closed the latest that have
	// ended.
	resets, closed recentStreams

	// The writer owns the fields below.

	frameHeaders [][frameHeaderSize]byte // of the frames in vector; nil before the first round
	vector       net.Buffers
	roundStreams []*stream
	deadline     time.Time // of writes on the connection
	rttChecks    int       // of boundSendBuffer
	localPeer    bool      // the peer runs on the same machine
}

func (q *sendQueue) init() {
	q.connWindow = initialWindow
	q.encoder = hpack.NewEncoder(&q.encoded)
}

// minSendBuffer is the initial size of the send buffer. It holds the responses of some
// dozens of small requests.
const minSendBuffer = 16 << 10

// reserve makes room for n bytes and a few small frames. An idle connection has no send
// buffer.
func (q *sendQueue) reserve(n int) {
	if n += 1 << 10; cap(q.buf)-len(q.buf) >= n {
		return
	}
	larger := bufpool.Get(max(minSendBuffer, len(q.buf)+n, min(2*cap(q.buf), 2*maxSendBuffer)))
	larger = larger[:copy(larger, q.buf)]
	bufpool.Put(q.buf)
	q.buf = larger
}

func (q *sendQueue) appendWindowUpdate(id, n uint32) {
	q.reserve(0)
	q.buf = binary.BigEndian.AppendUint32(appendFrame(q.buf, 4, frameWindowUpdate, 0, id), n)
}

func (q *sendQueue) appendRSTStream(id uint32, code errorCode) {
	q.reserve(0)
	q.buf = binary.BigEndian.AppendUint32(appendFrame(q.buf, 4, frameRSTStream, 0, id), uint32(code))
}

func (q *sendQueue) appendPing(payload [8]byte) {
	q.reserve(0)
	q.buf = append(appendFrame(q.buf, 8, framePing, 0, 0), payload[:]...)
}

// appendGoAway appends GOAWAY with the last stream. A later GOAWAY never names a higher one
// (RFC 9113, section 6.8).
func (q *sendQueue) appendGoAway(last uint32, code errorCode, reason string) {
	if q.lastGoAway > 0 {
		last = min(last, q.lastGoAway-1)
	}
	q.lastGoAway = last + 1
	q.reserve(len(reason))
	q.buf = appendFrame(q.buf, 8+len(reason), frameGoAway, 0, 0)
	q.buf = binary.BigEndian.AppendUint32(q.buf, last)
	q.buf = binary.BigEndian.AppendUint32(q.buf, uint32(code))
	q.buf = append(q.buf, reason...)
}

// appendHeaders appends the header block in encoded as HEADERS and CONTINUATION (RFC 9113,
// section 4.3).
func (q *sendQueue) appendHeaders(id uint32, endStream bool, maxFrame int) {
	kind, flags := frameHeaders, uint8(0)
	if endStream {
		flags = flagEndStream
	}
	block := q.encoded.Bytes()
	q.reserve(len(block) + len(block)/minFrameSize*frameHeaderSize)
	for {
		n := min(len(block), maxFrame)
		if n == len(block) {
			flags |= flagEndHeaders
		}
		q.buf = append(appendFrame(q.buf, n, kind, flags, id), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			break
		}
		kind, flags = frameContinuation, 0
	}
	q.encoded.Reset()
	if q.encoded.Cap() > maxControlPayload {
		q.encoded = bytes.Buffer{}
	}
}

// enqueue appends a stream to the queue.
func (q *sendQueue) enqueue(st *stream) {
	if st.queued {
		return
	}
	st.queued, st.next = true, nil
	if q.last == nil {
		q.first = st
	} else {
		q.last.next = st
	}
	q.last = st
}

// enqueueIfReady appends a stream whose window has grown, if it has something to send.
func (q *sendQueue) enqueueIfReady(st *stream) {
	if st.hasPendingLocked() && st.sendWindow > 0 {
		q.enqueue(st)
	}
}

// dequeue removes a stream from the queue.
func (q *sendQueue) dequeue(st *stream) {
	if !st.queued {
		return
	}
	var before *stream
	for at := q.first; at != st; at = at.next {
		before = at
	}
	if before == nil {
		q.first = st.next
	} else {
		before.next = st.next
	}
	if q.last == st {
		q.last = before
	}
	st.queued, st.next = false, nil
}
