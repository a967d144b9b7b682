package h2_test

import (
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

const discardFrame = 16 << 10

// rejecting answers before the end of the body: at once, or after five bytes of a body of unknown
// length.
func rejecting(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		_, _ = io.ReadFull(r.Body, make([]byte, 5))
	}
	http.Error(w, "no", http.StatusServiceUnavailable)
}

// enveloped begins a request with a gRPC message of size bytes.
func enveloped(p *peer, size int) error {
	prefix := binary.BigEndian.AppendUint32([]byte{0}, uint32(size))
	return firstError(p.request(1, false, post("/", "content-type", "application/grpc")...), p.f.WriteData(1, false, prefix))
}

// A client that is answered within a large message may send it to its end: the stream is not reset,
// its windows return, and the connection stays usable (RFC 9113, section 8.1).
func TestRestOfARejectedMessageIsDropped(t *testing.T) {
	const frames = 2000 // beyond both windows
	begins := map[string]func(p *peer) error{
		"content-length": func(p *peer) error {
			return p.request(1, false, post("/", "content-length", "32768000")...)
		},
		"gRPC message": func(p *peer) error { return enveloped(p, frames*discardFrame) },
		"unknown length": func(p *peer) error {
			return firstError(p.request(1, false, post("/")...), p.f.WriteData(1, false, make([]byte, discardFrame)))
		},
	}
	for name, begin := range begins {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(rejecting), h2.Options{StreamWindow: 1 << 20, ConnectionWindow: 1 << 20}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error { return begin(p) })
				p.wantStatus(t, 1, "503")
				sent := p.sendWithin(t, frames, 1<<20)
				if _, reset := p.find(http2.FrameRSTStream, 1); reset || sent != frames {
					t.Fatalf("after %d frames: reset %v", sent, reset)
				}
				p.mustDo(t, func() error { return p.f.WriteData(1, true, nil) })
				p.mustDo(t, func() error { return p.request(3, true, get("/")...) })
				p.wantStatus(t, 3, "503")
				p.wantAlive(t)
			})
		})
	}
}

// sendWithin sends DATA on stream 1 as the windows allow, and returns how many frames that were.
func (p *peer) sendWithin(t *testing.T, frames, window int) (sent int) {
	t.Helper()
	for ; sent < frames; sent++ {
		stream, conn := window, window
		for _, e := range p.waitIdle() {
			if e.kind == http2.FrameRSTStream {
				return sent
			}
			if e.kind == http2.FrameWindowUpdate && e.id == 1 {
				stream += int(e.increment)
			} else if e.kind == http2.FrameWindowUpdate {
				conn += int(e.increment)
			}
		}
		if used := (sent + 2) * discardFrame; used > stream || used > conn {
			t.Errorf("after %d frames the windows are %d and %d", sent, stream, conn)
			return sent
		}
		p.mustDo(t, func() error { return p.f.WriteData(1, false, make([]byte, discardFrame)) })
	}
	return sent
}

func TestDroppedMessagesAreBounded(t *testing.T) {
	inBubble(t, serverOf(rejecting), h2.Options{StreamWindow: 1 << 20, ConnectionWindow: 1 << 20, MaxDiscardBytes: 4 << 20}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error { return enveloped(p, 1<<30) })
		p.wantStatus(t, 1, "503")
		sent := p.sendWithin(t, 10_000, 1<<20)
		if p.wantReset(t, 1, http2.ErrCodeNo); sent*discardFrame > 5<<20 || sent*discardFrame < 4<<20 {
			t.Errorf("%d bytes were dropped", sent*discardFrame)
		}
		p.wantAlive(t)
	})
}

// A client that stops within the rest is reset, and one that declares many and sends none holds no
// more than its streams.
func TestRestThatDoesNotArriveIsReset(t *testing.T) {
	inBubble(t, serverOf(rejecting), h2.Options{MaxConcurrentStreams: 10}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		for i := range 12 {
			p.mustDo(t, func() error { return p.request(streamID(i), false, post("/", "content-length", "1000000")...) })
			p.wantStatus(t, streamID(i), "503")
		}
		p.wantReset(t, streamID(11), http2.ErrCodeNo)
		if _, reset := p.find(http2.FrameRSTStream, 1); reset {
			t.Error("the first was reset at once")
		}
		for range 4 {
			time.Sleep(20 * time.Second)
			p.mustDo(t, func() error { return p.f.WritePing(true, [8]byte{}) })
		}
		synctest.Wait()
		for i := range 12 {
			p.wantReset(t, streamID(i), http2.ErrCodeNo)
		}
		p.wantAlive(t)
	})
}

// Clients may also reset the rest, or end it with trailers.
func TestRestMayEndInOtherWays(t *testing.T) {
	inBubble(t, serverOf(rejecting), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(2*h2.FrameBudget, func(i int) error {
			id := streamID(i)
			err := p.request(id, false, post("/", "content-length", "1000000")...)
			synctest.Wait()
			if i%2 == 0 {
				return firstError(err, p.f.WriteRSTStream(id, http2.ErrCodeNo))
			}
			return firstError(err, p.request(id, true, "x-sum", "1"))
		})
		if p.wantAlive(t); done != 2*h2.FrameBudget {
			t.Errorf("connection ended after %d requests", done)
		}
	})
}
