// Package scheduler decides when a request may run. It stands between the
// handlers and an engine as a Session that decorates a Session, and knows no RPC.
package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// ErrQueueFull says that as many requests wait for the model as its queue holds.
// The same request may succeed later.
var ErrQueueFull = errors.New("queue is full")

// DefaultMaxQueue is the number of requests that may wait for a model.
const DefaultMaxQueue = 1024

// Options bound the work of one model. The zero value has the defaults.
type Options struct {
	// Instances is how many calls run in the engine at once. 0 means one for
	// each CPU that Go may use. A call into the engine cannot be interrupted, so
	// this is also how many calls can outlive their callers.
	Instances int
	// MaxQueue is how many calls may wait for an instance. 0 means
	// DefaultMaxQueue.
	MaxQueue int
}

var _ engine.Session = (*limiter)(nil)

// limiter lets a bounded number of calls into a session, first come first served,
// and bounds how many wait.
type limiter struct {
	engine.Session
	instances chan struct{}
	waiting   atomic.Int64
	maxQueue  int64
}

// New returns session behind the limits of options. It owns session: closing the
// returned one closes it. A Run that finds the queue full is an ErrQueueFull; one
// whose context is done while it waits ends with the context's error, and its
// place is free at once.
func New(session engine.Session, options Options) engine.Session {
	if options.Instances == 0 {
		options.Instances = runtime.GOMAXPROCS(0)
	}
	if options.MaxQueue == 0 {
		options.MaxQueue = DefaultMaxQueue
	}
	return &limiter{
		Session:   session,
		instances: make(chan struct{}, options.Instances),
		maxQueue:  int64(options.MaxQueue),
	}
}

func (l *limiter) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	queued, err := l.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { <-l.instances }()
	result, err := l.Session.Run(ctx, inputs)
	if err != nil {
		return nil, err
	}
	result.Timings.Queue += queued
	return result, nil
}

// acquire waits for an instance and returns how long that took.
func (l *limiter) acquire(ctx context.Context) (time.Duration, error) {
	select {
	case l.instances <- struct{}{}:
		return 0, nil
	default:
	}
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.maxQueue {
		return 0, fmt.Errorf("%w: %d requests wait for this model already; try again later", ErrQueueFull, l.maxQueue)
	}
	start := time.Now()
	select {
	case l.instances <- struct{}{}:
		return time.Since(start), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
