package h2

import "time"

// flood bounds what a peer may cost without doing anything useful: each frame that
// makes work and brings nothing costs, and what a well-behaved client does earns.
// It is for the reading goroutine alone.
//
// It answers rapid reset (CVE-2023-44487), floods of PING, SETTINGS, PRIORITY, empty
// DATA, WINDOW_UPDATE and RST_STREAM (CVE-2019-9512 to 9518), and tiny DATA frames.
type flood struct {
	budget int
	last   time.Time
}

// A new connection has floodBudget, and never more; it gets floodRefill a second back.
const (
	floodBudget = 10_000
	floodRefill = 500
)

// What frames cost and earn. A client that sends nothing but control frames has used
// up its budget after a few thousand; one that uploads earns with each full frame what
// its WINDOW_UPDATEs and PINGs cost.
const (
	costControl  = 2  // PING, SETTINGS, PRIORITY, unknown frames
	costWindow   = 1  // WINDOW_UPDATE
	costReset    = 10 // RST_STREAM, and errors of streams
	costEmpty    = 5  // DATA or CONTINUATION without payload
	earnRequest  = 8  // a request that was answered
	earnData     = 2  // DATA of smallData bytes or more, in either direction
	smallData    = 1 << 10
	costTinyData = 1 // DATA of less, beyond the first bytes of a message
)

func (f *flood) refill(now time.Time) {
	if f.last.IsZero() {
		f.budget, f.last = floodBudget, now
		return
	}
	if passed := now.Sub(f.last); passed >= 10*time.Millisecond {
		f.earn(int(min(passed, time.Minute) * floodRefill / time.Second))
		f.last = now
	}
}

func (f *flood) earn(n int) { f.budget = min(f.budget+n, floodBudget) }

func (f *flood) spend(n int) error {
	if f.budget -= n; f.budget < 0 && !f.last.IsZero() {
		return connError{codeEnhanceCalm, "too many frames that bring nothing"}
	}
	return nil
}
