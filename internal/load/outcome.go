package load

import (
	"errors"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
)

// Outcome is how a request ended, as its caller sees it.
type Outcome int

// The outcomes of requests.
const (
	// Answered: the server returned a response.
	Answered Outcome = iota
	// Refused: the server shed the request, with an overload error that says when to retry.
	Refused
	// Expired: the deadline passed. The client cannot know whether the server had accepted
	// the request.
	Expired
	// Failed: any other error.
	Failed
	outcomes int = iota
)

// OutcomeOf returns the outcome of a request that ended with err.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return Answered
	}
	if status, ok := errors.AsType[*StatusError](err); ok {
		switch {
		case status.Pushback && (status.Code == connect.CodeUnavailable || status.Code == connect.CodeResourceExhausted):
			return Refused
		case status.Code == connect.CodeDeadlineExceeded:
			return Expired
		}
	}
	return Failed
}

// Tally counts outcomes and records latencies. Add is safe for concurrent use; the other
// methods and fields are for after the last Add.
type Tally struct {
	// End is the end of the load; later responses do not count for goodput. Set it before
	// the first Add.
	End time.Time
	// InTime is the number of responses that came before End.
	InTime int
	// FirstFailure is the first error with the outcome Failed.
	FirstFailure error

	mu        sync.Mutex // guards all but End
	latencies [outcomes][]time.Duration
}

// Add records a request that arrived at one time and ended now with err.
func (t *Tally) Add(arrived, now time.Time, err error) {
	o := OutcomeOf(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies[o] = append(t.latencies[o], now.Sub(arrived))
	if o == Answered && !now.After(t.End) {
		t.InTime++
	}
	if o == Failed && t.FirstFailure == nil {
		t.FirstFailure = err
	}
}

// Count returns the number of requests with an outcome.
func (t *Tally) Count(o Outcome) int64 { return int64(len(t.latencies[o])) }

// Percentile returns a percentile of the latencies of an outcome.
func (t *Tally) Percentile(o Outcome, p float64) time.Duration {
	return Percentile(slices.Sorted(slices.Values(t.latencies[o])), p)
}
