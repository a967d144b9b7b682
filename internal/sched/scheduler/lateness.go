package scheduler

import (
	"math"
	"time"
)

const (
	// latenessWindow is the number of responses over which lateness is averaged. It is
	// longer than the periods in which other work on the machine slows the model down.
	latenessWindow = 256
	// deviations is the margin for late responses in mean deviations, as in TCP's
	// retransmission timeout (RFC 6298, section 2).
	deviations = 4
	// transitShare is the part of a caller's remaining time that is reserved for the time
	// outside the queue, up to maxTransit. Deadlines arrive as the remaining time, which
	// does not include the request's way to the server, nor the response's way back.
	transitShare = 8
	maxTransit   = 50 * time.Millisecond
)

// lateness measures the difference between expected and actual response times.
type lateness struct {
	// deviation is the mean of |took - expected| / sqrt(expected), in sqrt(s). The error
	// of a sum of independent calls grows with the square root of their number, so that
	// short waits predict the error of long ones.
	deviation float64
	answers   int
}

// record adds a response. A response after more than twice the expected time counts as
// twice: it shows that something happened, and not how long that takes the next time.
func (l *lateness) record(expected, took time.Duration) {
	if l.answers < latenessWindow {
		l.answers++
	}
	off := min(max(took-expected, expected-took), expected)
	sample := off.Seconds() / math.Sqrt(expected.Seconds())
	l.deviation += (sample - l.deviation) / float64(l.answers)
}

// margin returns the margin to add to an expected time so that the response arrives within
// the sum with high probability. While little is known it is half of the expected time.
func (l *lateness) margin(expected time.Duration) time.Duration {
	known := time.Duration(deviations * l.deviation * math.Sqrt(expected.Seconds()) * float64(time.Second))
	return max(known, expected/2*time.Duration(latenessWindow-l.answers)/latenessWindow)
}
