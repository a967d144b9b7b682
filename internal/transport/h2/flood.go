package h2

import (
	"sync/atomic"
	"time"
)

// floodBudget bounds the useless work that a peer can cause (RFC 9113, section 10.5). It
// has two budgets, so that cheap frames cannot pay for expensive ones:
//
//   - resets, for streams that end by RST_STREAM from either side: rapid reset
//     (CVE-2023-44487), and made-you-reset, where the peer makes the server send it
//     (CVE-2025-8671). A completed request earns one.
//   - frames, for frames that cause work and carry nothing: floods of PING, SETTINGS,
//     PRIORITY, empty DATA, WINDOW_UPDATE and unknown frames (CVE-2019-9511 to 9518), and
//     for header blocks that are too large or decode to far more than they have.
//     Message bytes in either direction earn, so that a client may follow them with
//     WINDOW_UPDATE and PING.
//
// An exhausted budget ends the connection with ENHANCE_YOUR_CALM. The reader goroutine owns
// it, except for the atomic counters.
type floodBudget struct {
	frames, resets budget
	last           time.Time
	// earnedBySending is what sent DATA has earned, and completed the number of completed
	// requests, both since collect last ran.
	earnedBySending, completed atomic.Int64
}

// budget is an allowance that never exceeds its initial value.
type budget struct{ left, max int }

func (b *budget) earn(n int) { b.left = min(b.left+n, b.max) }

// The initial budgets of a connection, and their refill per second.
const (
	frameBudget = 10_000
	frameRefill = 500
	resetBudget = 1000
	resetRefill = 50
)

// Costs and earnings in the frames budget.
const (
	costControl      = 2  // PING, SETTINGS, PRIORITY, unknown frames; RST_STREAM and HEADERS on ended streams
	costWindowUpdate = 1  // WINDOW_UPDATE
	costTooLarge     = 50 // a header block above MaxHeaderBytes, and one for each encodedPerCost bytes of it
	costEmpty        = 5  // DATA or CONTINUATION without payload
	costTiny         = 1  // DATA below tinyData bytes that begins no message, or arrives after a reset
	earnRequest      = 8  // a completed request
	earnData         = 2  // DATA that begins a message, or has at least smallData bytes
	tinyData         = frameHeaderSize
	smallData        = 1 << 10
	// bytesPerEarned is the number of response bytes that earn one. Clients that update
	// their windows most often, every 4 KiB on stream and connection, spend half of that.
	bytesPerEarned = 1 << 10
	// A header block that decodes to more than freeExpansion times its encoded size and two full
	// dynamic tables refers to the same large entries again and again (an HPACK bomb): HPACK's own
	// compression gives less. One is spent for each expandedPerCost bytes of the rest.
	freeExpansion   = 8
	expandedPerCost = 256
	encodedPerCost  = 64
)

func newFlood(now time.Time) floodBudget {
	return floodBudget{frames: budget{frameBudget, frameBudget}, resets: budget{resetBudget, resetBudget}, last: now}
}

// refill adds what the elapsed time has earned.
func (f *floodBudget) refill(now time.Time) {
	passed := min(now.Sub(f.last), time.Minute)
	if passed < 20*time.Millisecond {
		return
	}
	f.last = now
	f.frames.earn(int(passed * frameRefill / time.Second))
	f.resets.earn(int(passed * resetRefill / time.Second))
}

// collect adds what handlers have earned.
func (f *floodBudget) collect() {
	completed := int(f.completed.Swap(0))
	f.frames.earn(completed*earnRequest + int(f.earnedBySending.Swap(0)))
	f.resets.earn(completed)
}

// spend charges n to the frames budget.
func (f *floodBudget) spend(n int) error {
	if f.frames.left < n {
		f.collect()
	}
	if f.frames.left -= n; f.frames.left < 0 {
		return connError{codeEnhanceYourCalm, "too many frames without content (PING, SETTINGS, PRIORITY, WINDOW_UPDATE or empty DATA flood), or header blocks that decode to far more than they have (HPACK bomb)"}
	}
	return nil
}

// spendHeaders charges a header block for the decoding that its size on the wire does not explain.
func (f *floodBudget) spendHeaders(b *headerBlock) error {
	cost := max(b.size-freeExpansion*b.encoded-2*headerTableSize, 0) / expandedPerCost
	if b.tooLarge {
		cost += costTooLarge + b.encoded/encodedPerCost
	}
	if cost == 0 {
		return nil
	}
	return f.spend(cost)
}

// spendReset charges one to the resets budget.
func (f *floodBudget) spendReset() error {
	if f.resets.left < 1 {
		f.collect()
	}
	if f.resets.left--; f.resets.left < 0 {
		return connError{codeEnhanceYourCalm, "too many reset streams (rapid reset)"}
	}
	return nil
}
