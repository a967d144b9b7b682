package scheduler

import (
	"context"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// state is where a request stands.
type state uint8

const (
	waiting state = iota // in the queue
	taken                // in a batch; it will be answered by an instance
	left                 // out of the queue without having run
)

// entry is one request. It is guarded by the scheduler's lock until it is taken, and
// then belongs to the instance that took it.
type entry struct {
	ctx    context.Context
	inputs []tensor.Tensor
	rows   int64
	bytes  int64
	// size is the class of what the request costs.
	size    class
	level   int
	lane    *Lane
	arrived time.Time
	// since is from when on the request waits for others to be joined with.
	since time.Time
	// expires is when it has waited for as long as its policy lets it; zero: never.
	expires time.Time
	// expected is how long the answer was expected to take when the request came; 0: too
	// little was known.
	expected time.Duration
	// promised says that the request waits because its answer was expected before its
	// caller's deadline.
	promised bool
	// began is when an instance took the request.
	began time.Time
	state state
	// delayed says that the request waits behind those that have not timed out.
	delayed bool
	// called says that an instance has been woken to take the request.
	called bool

	// prev and next are the neighbours in the level's list.
	prev, next *entry

	// answer receives exactly one answer: from the instance that took the request, or
	// from whoever took it out of the queue.
	answer chan answer
}

type answer struct {
	result *engine.Result
	err    error
}

func newEntry(ctx context.Context, inputs []tensor.Tensor, batching bool) *entry {
	now := time.Now()
	e := &entry{ctx: ctx, inputs: inputs, rows: 1, arrived: now, since: now, answer: make(chan answer, 1)}
	if batching {
		e.rows = rowsOf(inputs)
	}
	for i := range inputs {
		e.bytes += int64(len(inputs[i].Data))
	}
	if !batching {
		e.size = classOf(e.bytes)
	}
	return e
}

// expired reports whether the request has waited for as long as its policy lets it, and
// nothing has been done about that.
func (e *entry) expired(now time.Time) bool {
	return !e.delayed && !e.expires.IsZero() && !now.Before(e.expires)
}

// rowsOf returns the size of the batch's dimension, the first of every input; 0 where
// the inputs do not agree on it, which keeps a request from being joined with others.
func rowsOf(inputs []tensor.Tensor) int64 {
	rows := int64(0)
	for i := range inputs {
		shape := inputs[i].Shape
		if len(shape) == 0 || shape[0] < 1 || (i > 0 && shape[0] != rows) {
			return 0
		}
		rows = shape[0]
	}
	return rows
}

// joins reports whether two requests can be rows of one batch: all but the first
// dimension of each input are the same.
func (e *entry) joins(other *entry) bool {
	if e.rows == 0 || other.rows == 0 || len(e.inputs) != len(other.inputs) {
		return false
	}
	for i := range e.inputs {
		a, b := &e.inputs[i], &other.inputs[i]
		if a.DataType != b.DataType || !slices.Equal(a.Shape[1:], b.Shape[1:]) {
			return false
		}
	}
	return true
}
