package scheduler

import (
	"context"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// state is the state of a request.
type state uint8

const (
	waiting state = iota // in the queue
	taken                // in a batch; an instance will answer it
	removed              // out of the queue, and never run
)

// entry is one request. The scheduler's lock guards it until an instance takes it; then
// that instance owns it.
type entry struct {
	ctx    context.Context
	inputs []tensor.Tensor
	rows   int64
	bytes  int64
	// size is the size class of the request.
	size    class
	level   int
	group   *LatestOnlyGroup
	arrived time.Time
	// since is when the request began to wait for others to join.
	since time.Time
	// digest identifies the inputs while the model has never computed any; 0: unknown.
	digest uint64
	// expires is when its queue timeout ends; zero: never.
	expires time.Time
	// expected is the response time that was expected on arrival; 0: unknown.
	expected time.Duration
	// checked reports that the request was admitted because its response was expected
	// before its caller's deadline.
	checked bool
	// began is when an instance took the request.
	began time.Time
	state state
	// left reports that its caller has left after an instance took it. call is the call of
	// its batch, nil before it and for a request that runs alone. The scheduler's lock guards
	// both.
	left bool
	call *call
	// delayed reports that the request timed out and waits behind those that did not.
	delayed bool
	// claimed reports that an instance was woken for the request.
	claimed bool

	// prev and next are the neighbors in the level's list.
	prev, next *entry

	// answer receives exactly one answer: from the instance that took the request, or from
	// the function that removed it from the queue. It is nil for a request that was never
	// queued.
	answer chan answer
}

type answer struct {
	result *engine.Result
	err    error
}

func newEntry(ctx context.Context, signature *engine.Signature, inputs []tensor.Tensor, batching bool) *entry {
	now := time.Now()
	e := &entry{ctx: ctx, inputs: inputs, rows: 1, arrived: now, since: now}
	if batching {
		e.rows = rowsOf(signature, inputs)
	}
	for i := range inputs {
		e.bytes += int64(len(inputs[i].Data))
	}
	if !batching {
		e.size = classOf(e.bytes)
	}
	return e
}

// expired reports whether the queue timeout has ended and was not handled yet.
func (e *entry) expired(now time.Time) bool {
	return !e.delayed && !e.expires.IsZero() && !now.Before(e.expires)
}

// rowsOf returns the size of the batch dimension, the first of every input. It is 0 when
// the inputs differ in it; such a request is never batched. Neither is one with an optional
// input: that is usually a setting of the whole call, and not one for each row.
func rowsOf(signature *engine.Signature, inputs []tensor.Tensor) int64 {
	rows := int64(0)
	for i := range inputs {
		if signature.Inputs[i].Optional {
			if !engine.IsAbsent(inputs[i]) {
				return 0
			}
			continue
		}
		shape := inputs[i].Shape
		if len(shape) == 0 || shape[0] < 1 || (rows > 0 && shape[0] != rows) {
			return 0
		}
		rows = shape[0]
	}
	return rows
}

// joins reports whether two requests can be rows of one batch: all dimensions of each input
// but the first are equal. Requests with rows have no optional inputs.
func (e *entry) joins(other *entry) bool {
	if e.rows == 0 || other.rows == 0 || len(e.inputs) != len(other.inputs) {
		return false
	}
	for i := range e.inputs {
		a, b := &e.inputs[i], &other.inputs[i]
		if a.DataType != b.DataType || (!engine.IsAbsent(*a) && !slices.Equal(a.Shape[1:], b.Shape[1:])) {
			return false
		}
	}
	return true
}
