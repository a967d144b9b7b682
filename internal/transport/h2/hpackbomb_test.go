package h2_test

import (
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// bomb returns a header block with n one-byte references to a field of 4,000 bytes. The first block
// of a connection puts the field into the dynamic table.
func bomb(p *peer, n int) []byte {
	fields := get("/")
	for range n {
		fields = append(fields, "x-bomb", longValue(4000))
	}
	return p.encodeBlock(fields...)
}

// HPACK bombs: blocks that decode to thousands of times their size, answered with 431 or, below the
// limit of headers, by the handler. They end the connection.
func TestHPACKBombs(t *testing.T) {
	for name, test := range map[string]struct {
		references, most int
		status           string
	}{
		"above the limit":      {references: 100, most: 200, status: "431"},
		"far above the limit":  {references: 15_000, most: 40, status: "431"},
		"just below the limit": {references: 15, most: 100, status: "200"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(respondOK), h2.Options{MaxHeaderBytes: 64 << 10}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				done := repeat(1000, func(i int) error {
					err := p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: streamID(i), EndHeaders: true, EndStream: true, BlockFragment: bomb(p, test.references)})
					synctest.Wait()
					return err
				})
				p.wantStatus(t, 1, test.status)
				p.wantGoAway(t, http2.ErrCodeEnhanceYourCalm)
				if done > test.most {
					t.Errorf("%d blocks were decoded, want at most %d", done, test.most)
				}
			})
		})
	}
}

// Header blocks that repeat what the dynamic table holds once are ordinary compression, and some
// that are too large are no attack.
func TestFloodBudgetAllowsRepeatedHeaders(t *testing.T) {
	inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		done := repeat(2000, func(i int) error {
			err := p.request(streamID(i), true, append(get("/"), "authorization", longValue(3500), "x-trace", "1")...)
			synctest.Wait()
			return err
		})
		if p.wantAlive(t); done != 2000 {
			t.Errorf("connection ended after %d requests", done)
		}
	})
	inBubble(t, serverOf(respondOK), h2.Options{MaxHeaderBytes: 4000}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		for i := range 20 {
			p.mustDo(t, func() error { return p.request(streamID(i), true, append(get("/"), "cookie", longValue(4000))...) })
			p.wantStatus(t, streamID(i), "431")
		}
		p.wantAlive(t)
	})
}

// Of one peer's unread bodies no more is held than its share, over all of its connections.
func TestMaxBufferedPerPeer(t *testing.T) {
	inBubble(t, serverOf(waitForCancel), h2.Options{MaxBufferedBytes: 4 << 20, MaxBufferedPerPeer: 1 << 20}, func(t *testing.T, l *listener) {
		refused := 0
		for range 20 {
			p := l.dial(t) // in-memory connections are one peer
			for i := range 10 {
				_ = firstError(p.request(streamID(i), false, post("/")...), p.f.WriteData(streamID(i), false, make([]byte, 16_000)))
			}
			if held := l.server.Buffered(); held > 1<<20 {
				t.Errorf("%d bytes are buffered", held)
			}
			for _, e := range p.waitIdle() {
				if e.kind == http2.FrameRSTStream && e.code == http2.ErrCodeEnhanceYourCalm {
					refused++
				}
			}
		}
		if refused == 0 || l.server.Peers() != 1 {
			t.Errorf("%d streams were refused, %d peers", refused, l.server.Peers())
		}
		for _, p := range l.peers {
			_ = p.nc.Close()
		}
		if synctest.Wait(); l.server.Peers() != 0 {
			t.Errorf("%d peers are left", l.server.Peers())
		}
	})
}
