package h2

import (
	"sync/atomic"
	"time"
)

// flood bounds what a peer may cost without doing anything useful. There are two
// budgets, so that what is cheap cannot pay for what is dear:
//
//   - resets, of streams that end by RST_STREAM whoever sends it: rapid reset
//     (CVE-2023-44487) and resets that the peer makes the server send
//     (CVE-2025-8671). A request that was answered earns one.
//   - frames that make work and carry nothing: PING, SETTINGS, PRIORITY, empty DATA,
//     WINDOW_UPDATE and unknown ones (CVE-2019-9511 to 9518). What is received and sent
//     of messages earns, so that a client may follow it with WINDOW_UPDATE and PING.
//
// It is for the reading goroutine alone, except for sent and answered.
type floodBudget struct {
	frames, resets budget
	last           time.Time
	// sent is what answers have earned, and answered how many requests were; both since
	// they were last collected.
	earnedBySending, completed atomic.Int64
}

// budget is what is left, never more than it was at first.
type budget struct{ left, max int }

func (b *budget) earn(n int) { b.left = min(b.left+n, b.max) }

// A new connection has these budgets, and gets this much of them back a second.
const (
	frameBudget = 10_000
	frameRefill = 500
	resetBudget = 1000
	resetRefill = 50
)

// What frames cost and earn of the frames' budget.
const (
	costControl      = 2 // PING, SETTINGS, PRIORITY, unknown frames, late RST_STREAM and HEADERS
	costWindowUpdate = 1 // WINDOW_UPDATE
	costEmpty        = 5 // DATA or CONTINUATION without payload
	costTiny         = 1 // DATA of less than tinyData bytes that is late, or no message of its own
	earnRequest      = 8 // a request that was answered
	earnData         = 2 // DATA that begins a message, or has smallData bytes
	tinyData         = frameHeaderSize
	smallData        = 1 << 10
	// sentUnit is how many bytes of answers earn one: twice what clients that update
	// their windows most often, each 4 KiB on stream and connection, spend.
	bytesPerEarned = 1 << 10
)

func newFlood(now time.Time) floodBudget {
	return floodBudget{frames: budget{frameBudget, frameBudget}, resets: budget{resetBudget, resetBudget}, last: now}
}

// refill gives back what time has earned.
func (f *floodBudget) refill(now time.Time) {
	passed := min(now.Sub(f.last), time.Minute)
	if passed < 20*time.Millisecond {
		return
	}
	f.last = now
	f.frames.earn(int(passed * frameRefill / time.Second))
	f.resets.earn(int(passed * resetRefill / time.Second))
}

// collect takes in what handlers have earned.
func (f *floodBudget) collect() {
	answered := int(f.completed.Swap(0))
	f.frames.earn(answered*earnRequest + int(f.earnedBySending.Swap(0)))
	f.resets.earn(answered)
}

// spend takes n of the frames' budget.
func (f *floodBudget) spend(n int) error {
	if f.frames.left < n {
		f.collect()
	}
	if f.frames.left -= n; f.frames.left < 0 {
		return connError{codeEnhanceYourCalm, "too many frames that bring nothing"}
	}
	return nil
}

// spendReset takes one of the resets' budget.
func (f *floodBudget) spendReset() error {
	if f.resets.left < 1 {
		f.collect()
	}
	if f.resets.left--; f.resets.left < 0 {
		return connError{codeEnhanceYourCalm, "too many streams are reset"}
	}
	return nil
}
