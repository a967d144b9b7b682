package scheduler

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrQueueFull says that as many requests, or bytes, wait for the model as its
	// queue holds.
	ErrQueueFull = errors.New("queue is full")
	// ErrBusy says that the request would wait for longer than its caller does.
	ErrBusy = errors.New("too busy")
	// ErrTimeout says that the request waited for as long as its queue policy lets
	// it, and was never run.
	ErrTimeout = errors.New("timed out in the queue")
	// ErrFailing says that the model has failed too often in a row, or does not come
	// back from a call, and is given a rest.
	ErrFailing = errors.New("model is failing")
	// ErrOvertaken says that a newer request of the same Lane took this one's place in
	// the queue. It was never run.
	ErrOvertaken = errors.New("overtaken by a newer frame")
)

// RefusedError is an error of a request that was not run for want of room or time: an
// ErrQueueFull, ErrBusy, ErrTimeout or ErrFailing. The same request may succeed
// later.
type RefusedError struct {
	// Kind is the sentinel.
	Kind error
	// Text says what was found; it is for the caller.
	Text string
	// After is how long the caller should wait before it tries again.
	After time.Duration
}

// RetryAfter returns how long the caller should wait before it tries again.
func (r *RefusedError) RetryAfter() time.Duration { return r.After }

// Error returns the text with the kind before it.
func (r *RefusedError) Error() string { return fmt.Sprintf("%v: %s", r.Kind, r.Text) }

// Unwrap returns the kind.
func (r *RefusedError) Unwrap() error { return r.Kind }

// leastRetry keeps callers from coming back at once.
const leastRetry = 100 * time.Millisecond

func refuse(kind error, retry time.Duration, format string, args ...any) error {
	return &RefusedError{Kind: kind, Text: fmt.Sprintf(format, args...), After: max(retry, leastRetry)}
}
