package scheduler

import (
	"context"
	"time"
)

// Request is what a caller may say of its request beyond its inputs. It travels in
// the context of Run.
type Request struct {
	// Priority is a priority level, 1 the highest. 0, and one that the model does not
	// have, mean the model's default.
	Priority uint64
	// Timeout is how long the request may wait in the queue, where the level's policy
	// allows it to say so. A negative one has passed already. 0: what the policy says.
	Timeout time.Duration
	// Lane, where it is not nil, makes the request overtake those of the same lane
	// that still wait.
	Lane *Lane
}

// Lane joins requests of which only the latest matters, as the frames of a live video
// do. At most one request of a lane waits in a queue: a newer one takes its place
// there, and the older one is answered with ErrOvertaken. A Lane is for one model, and
// safe for concurrent use.
type Lane struct {
	waiting *entry // guarded by the scheduler's lock
}

type requestKey struct{}

// WithRequest returns a context that tells Run of request.
func WithRequest(ctx context.Context, request Request) context.Context {
	return context.WithValue(ctx, requestKey{}, request)
}

// RequestOf returns what WithRequest put into ctx.
func RequestOf(ctx context.Context) Request {
	request, _ := ctx.Value(requestKey{}).(Request)
	return request
}
