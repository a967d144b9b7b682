package scheduler

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrQueueFull reports that the model's queue is full, in requests or bytes.
	ErrQueueFull = errors.New("queue is full")
	// ErrBusy reports that the request would miss its deadline or its queue timeout.
	ErrBusy = errors.New("too busy")
	// ErrTimeout reports that the queue timeout ended before the request ran. It never
	// ran.
	ErrTimeout = errors.New("timed out in the queue")
	// ErrFailing reports an unhealthy model: its last calls failed, or hang.
	ErrFailing = errors.New("model is failing")
	// ErrOvertaken reports that a newer request of the same latest-only group replaced this
	// one in the queue. It never ran.
	ErrOvertaken = errors.New("overtaken by a newer frame")
)

// RejectedError is the error of a request that was rejected or shed: an ErrQueueFull,
// ErrBusy, ErrTimeout or ErrFailing. A retry may succeed.
type RejectedError struct {
	// Kind is the sentinel.
	Kind error
	// Text has the details, for the caller.
	Text string
	// After is the recommended delay before a retry.
	After time.Duration
}

// RetryAfter returns the recommended delay before a retry.
func (r *RejectedError) RetryAfter() time.Duration { return r.After }

// Error returns the kind and the text.
func (r *RejectedError) Error() string { return fmt.Sprintf("%v: %s", r.Kind, r.Text) }

// Unwrap returns the kind.
func (r *RejectedError) Unwrap() error { return r.Kind }

// minRetryAfter prevents immediate retries.
const minRetryAfter = 100 * time.Millisecond

func reject(kind error, retry time.Duration, format string, args ...any) error {
	return &RejectedError{Kind: kind, Text: fmt.Sprintf(format, args...), After: max(retry, minRetryAfter)}
}
