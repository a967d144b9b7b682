package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// instance makes one call into the engine at a time, on a goroutine of its own.
type instance struct {
	scheduler *scheduler
	work      chan []*entry
	gatherer  gatherer

	// The scheduler's lock guards what follows, while the instance is idle.
	batch   []*entry
	started time.Time
	running bool
	turn    uint64
}

// loop runs batches until the scheduler closes.
func (in *instance) loop() {
	for batch := range in.work {
		for batch != nil {
			in.run(batch)
			batch = in.scheduler.next(in)
		}
	}
}

// run computes a batch and answers each of its requests exactly once.
func (in *instance) run(batch []*entry) {
	answers := in.answers(batch)
	order := in.scheduler.order
	if order == nil {
		send(batch, answers)
		return
	}
	own := slices.Clone(batch) // the batch's memory is used for the next one
	order.deliver(in.turn, func() { send(own, answers) })
}

func send(batch []*entry, answers []answer) {
	for i, e := range batch {
		e.answer <- answers[i]
	}
}

// answers returns one answer for each request of the batch.
func (in *instance) answers(batch []*entry) []answer {
	if len(batch) == 1 {
		return in.finish(batch, []answer{in.single(batch[0])})
	}
	start := time.Now()
	inputs, rows := in.gatherer.gather(batch)
	gathered := time.Since(start)
	result, err := in.call(context.Background(), inputs, rows)
	if err == nil {
		start = time.Now()
		var answers []answer
		if answers, err = scatter(result, in.scheduler.Signature(), batch, rows); err == nil {
			in.scheduler.options.Observer.Executed(rows, gathered, result.Timings.Compute, time.Since(start))
			return in.finish(batch, answers)
		}
	}
	// One row may have failed all: each request is run for itself.
	answers := make([]answer, len(batch))
	for i, e := range batch {
		if errors.Is(err, engine.ErrClosed) {
			answers[i].err = err
			continue
		}
		answers[i] = in.single(e)
	}
	return in.finish(batch, answers)
}

// single runs one request for itself.
func (in *instance) single(e *entry) answer {
	observer := in.scheduler.options.Observer
	if err := e.ctx.Err(); err != nil {
		observer.NotRun(ReasonCancelled)
		return answer{err: err}
	}
	result, err := in.call(e.ctx, e.inputs, e.rows)
	if err != nil {
		return answer{err: err}
	}
	observer.Executed(max(e.rows, 1), 0, result.Timings.Compute, 0)
	return answer{result: result}
}

// finish adds the wait in the queue to the timings.
func (in *instance) finish(batch []*entry, answers []answer) []answer {
	for i, e := range batch {
		if answers[i].result != nil {
			answers[i].result.Timings.Queue += e.began.Sub(e.arrived)
		}
	}
	return answers
}

// call runs the engine, and keeps account of its health and cost.
func (in *instance) call(ctx context.Context, inputs []tensor.Tensor, rows int64) (*engine.Result, error) {
	s := in.scheduler
	start := time.Now()
	result, err := in.protected(ctx, inputs)
	took := time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.record(err, time.Now())
	if err == nil {
		s.cost.record(took, max(rows, 1))
	}
	return result, err
}

// protected turns a panic of the engine into an error, and an answer that is none.
func (in *instance) protected(ctx context.Context, inputs []tensor.Tensor) (result *engine.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			result, err = nil, fmt.Errorf("panic in the engine: %v\n%s", v, debug.Stack())
		}
	}()
	session := in.scheduler.session
	result, err = session.Run(ctx, inputs)
	if err == nil && (result == nil || len(result.Outputs) != len(session.Signature().Outputs)) {
		err = errors.New("the engine gave another number of outputs than the model has")
	}
	return result, err
}
