package scheduler

import (
	"context"
	"time"
)

// Request has the scheduling parameters of a request. It travels in the context of Run.
type Request struct {
	// Priority is a priority level, 1 the highest. 0, or a level that the model does not
	// have, selects the model's default.
	Priority uint64
	// Timeout is the maximum wait in the queue, when the level's policy allows an
	// override. A negative one has passed already. 0: the policy's timeout.
	Timeout time.Duration
	// LatestOnly, when not nil, makes the request replace a waiting one of the same group.
	LatestOnly *LatestOnlyGroup
}

// LatestOnlyGroup joins requests of which only the latest matters, such as the frames of a
// live video. At most one request of a group waits in the queue: a newer one takes its
// place, and the older one ends with ErrOvertaken. A group is for one model, and safe for
// concurrent use. The zero value is ready to use.
type LatestOnlyGroup struct {
	waiting *entry // guarded by the scheduler's lock
}

type requestKey struct{}

// WithRequest returns a context that carries request to Run.
func WithRequest(ctx context.Context, request Request) context.Context {
	return context.WithValue(ctx, requestKey{}, request)
}

// RequestOf returns the request that WithRequest put into ctx.
func RequestOf(ctx context.Context) Request {
	request, _ := ctx.Value(requestKey{}).(Request)
	return request
}
