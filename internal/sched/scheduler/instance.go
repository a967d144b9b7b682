package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// instance makes one call into the engine at a time, on a goroutine of its own.
type instance struct {
	scheduler *scheduler
	wake      chan struct{}
	gatherer  gatherer
	// yields, which is set before the instance is woken, has it let others go first.
	yields bool

	// The scheduler's lock guards what follows; batch and turn while the instance is
	// idle. woken says that it has been woken and has not taken a batch yet. started is
	// when the call began that is under way.
	woken   bool
	batch   []*entry
	started time.Time
	running bool
	turn    uint64
}

// loop runs batches until the scheduler closes.
func (in *instance) loop() {
	for range in.wake {
		if in.yields {
			runtime.Gosched()
		}
		for batch := in.scheduler.next(in); batch != nil; batch = in.scheduler.next(in) {
			in.run(batch)
		}
	}
}

// run computes a batch and answers each of its requests exactly once.
func (in *instance) run(batch []*entry) {
	order := in.scheduler.order
	if order == nil {
		in.compute(batch, func(i int, a answer) { batch[i].answer <- a })
		return
	}
	answers := make([]answer, len(batch))
	in.compute(batch, func(i int, a answer) { answers[i] = a })
	own := slices.Clone(batch) // the batch's memory is used for the next one
	order.deliver(in.turn, func() {
		for i, e := range own {
			e.answer <- answers[i]
		}
	})
}

// compute gives the answer of each request of the batch, as soon as it is there.
func (in *instance) compute(batch []*entry, give func(i int, a answer)) {
	if len(batch) == 1 {
		give(0, in.single(batch[0]))
		return
	}
	answers, err := in.joined(batch)
	for i, e := range batch {
		switch {
		case err == nil:
			give(i, e.timed(answers[i]))
		case errors.Is(err, engine.ErrClosed):
			give(i, answer{err: err})
		default:
			// One row may have failed all: each request is run for itself.
			e.began = in.again()
			give(i, in.single(e))
		}
	}
}

// joined runs all requests of the batch in one call.
func (in *instance) joined(batch []*entry) ([]answer, error) {
	start := time.Now()
	inputs, rows := in.gatherer.gather(batch)
	gathered := time.Since(start)
	result, err := in.call(context.Background(), inputs, batch[0].size, rows)
	in.gatherer.clear(result)
	if err != nil {
		return nil, err
	}
	start = time.Now()
	answers, err := scatter(result, in.scheduler.Signature(), batch, rows)
	in.scheduler.fits(err == nil)
	if err != nil {
		return nil, err
	}
	in.scheduler.options.Observer.Executed(rows, gathered, result.Timings.Compute, time.Since(start))
	return answers, nil
}

// again notes that an instance begins another call for the batch that it has, and
// returns when: it is not the whole batch that hangs.
func (in *instance) again() time.Time {
	s := in.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	in.started = time.Now()
	return in.started
}

// misfitsToStop is after how many batches in a row without the batch's dimension no
// more are made: each costs a call that is for nothing.
const misfitsToStop = 3

// fits takes note of whether a batch came out as one.
func (s *scheduler) fits(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misfits++
	if ok {
		s.misfits = 0
	}
}

// single runs one request for itself.
func (in *instance) single(e *entry) answer {
	observer := in.scheduler.options.Observer
	if err := e.ctx.Err(); err != nil {
		observer.NotRun(ReasonCancelled)
		return answer{err: err}
	}
	result, err := in.call(e.ctx, e.inputs, e.size, e.rows)
	if err != nil {
		return answer{err: err}
	}
	observer.Executed(max(e.rows, 1), 0, result.Timings.Compute, 0)
	return e.timed(answer{result: result})
}

// timed adds the wait until the call that answered a request to the answer's timings.
func (e *entry) timed(a answer) answer {
	a.result.Timings.Queue += e.began.Sub(e.arrived)
	return a
}

// call runs the engine, and keeps account of its health and cost.
func (in *instance) call(ctx context.Context, inputs []tensor.Tensor, size class, rows int64) (*engine.Result, error) {
	s := in.scheduler
	start := time.Now()
	result, err := in.protected(ctx, inputs)
	took := time.Since(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.health.record(err, start.Add(took))
	if err == nil {
		s.cost.record(took, size, max(rows, 1))
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
	if result, err = session.Run(ctx, inputs); err != nil {
		return nil, err
	}
	if err := checkOutputs(session.Signature(), result); err != nil {
		return nil, fmt.Errorf("the engine's answer is none: %w", err)
	}
	return result, nil
}

// checkOutputs reports whether a result has the outputs of the signature, of as many
// bytes as they say: those who take them apart trust that.
func checkOutputs(signature *engine.Signature, result *engine.Result) error {
	if result == nil {
		return errors.New("it is nil")
	}
	if len(result.Outputs) != len(signature.Outputs) {
		return fmt.Errorf("it has %d outputs, and the model has %d", len(result.Outputs), len(signature.Outputs))
	}
	for i := range result.Outputs {
		out, spec := &result.Outputs[i], &signature.Outputs[i]
		if out.DataType != spec.DataType {
			return fmt.Errorf("output %q has datatype %v, and the model gives %v", spec.Name, out.DataType, spec.DataType)
		}
		if out.DataType == tensor.Invalid {
			continue
		}
		if err := out.Validate(); err != nil {
			return fmt.Errorf("output %q: %w", spec.Name, err)
		}
	}
	return nil
}
