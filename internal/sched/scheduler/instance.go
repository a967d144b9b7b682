package scheduler

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/callctx"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// instance makes one call into the engine at a time, on a goroutine of its own.
type instance struct {
	scheduler *scheduler
	wake      chan struct{}
	gatherer  gatherer
	// yields makes the instance yield once after it was woken. It is set before that.
	yields bool

	// The scheduler's lock guards the fields below; batch and turn only while the instance
	// is idle. woken reports that it was woken and has not taken a batch yet. started is
	// the start of its current call, and ctx the context of that call; nil between calls. limit ends a
	// call that exceeds the run limit, while limited reports that it is set.
	woken   bool
	batch   []*entry
	started time.Time
	ctx     *callctx.Context
	limit   *time.Timer
	limited bool
	running bool
	grouped bool // batch is a group
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
	own := slices.Clone(batch) // the batch's memory is reused for the next one
	order.deliver(in.turn, func() {
		for i, e := range own {
			e.answer <- answers[i]
		}
	})
}

// compute runs the batch and calls deliver with the answer of each request.
func (in *instance) compute(batch []*entry, deliver func(i int, a answer)) {
	if len(batch) == 1 {
		deliver(0, in.runSingle(batch[0].ctx, batch[0]))
		return
	}
	if in.grouped {
		in.computeGroup(batch, deliver)
		return
	}
	answers, err := in.runBatch(batch)
	for i, e := range batch {
		if err != nil {
			deliver(i, in.runAgain(e, err))
		} else {
			deliver(i, e.timed(answers[i]))
		}
	}
}

// runAgain runs a request by itself after the call for its batch or group failed with err,
// or without a result for this request. The fault may be that of another request.
func (in *instance) runAgain(e *entry, err error) answer {
	switch {
	case errors.Is(err, engine.ErrClosed):
		return answer{err: err}
	case errors.Is(err, errLeft):
		return answer{err: e.ctx.Err()}
	}
	e.began = time.Now()
	ctx := e.ctx
	if errors.Is(err, engine.ErrCrashed) {
		ctx = engine.AsSuspect(ctx)
	}
	return in.runSingle(ctx, e)
}

// runBatch runs all requests of the batch in one call.
func (in *instance) runBatch(batch []*entry) ([]answer, error) {
	start := time.Now()
	inputs, rows := in.gatherer.gather(batch)
	gathered := time.Since(start)
	result, err := in.call(engine.AsBatch(context.Background()), inputs, batch, rows)
	in.gatherer.clear(result)
	if err != nil {
		return nil, err
	}
	result.Timings.Batch = gathered
	start = time.Now()
	answers, err := scatter(result, in.scheduler.Signature(), batch, rows)
	in.scheduler.recordFit(err == nil)
	if err != nil {
		return nil, err
	}
	in.scheduler.prober.keep(batch[0])
	in.scheduler.options.Observer.Executed(rows, gathered, result.Timings.Compute, time.Since(start))
	return answers, nil
}

// maxMisfits is the number of consecutive batches without the batch dimension after which
// batching stops: each wastes a call.
const maxMisfits = 3

// recordFit records whether the outputs of a batch had the batch dimension.
func (s *scheduler) recordFit(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.misfits++
	if ok {
		s.misfits = 0
	}
}

// runSingle runs one request without a batch. ctx is of the request.
func (in *instance) runSingle(ctx context.Context, e *entry) answer {
	observer := in.scheduler.options.Observer
	if err := ctx.Err(); err != nil {
		observer.NotRun(ReasonCancelled)
		return answer{err: err}
	}
	result, err := in.call(ctx, e.inputs, []*entry{e}, e.rows)
	if err != nil {
		return answer{err: in.judge(e, err)} //nolint:contextcheck // a probe does not end with the request
	}
	return in.succeed(e, result)
}

// succeed returns the answer of a request that ran without a batch.
func (in *instance) succeed(e *entry, result *engine.Result) answer {
	in.scheduler.prober.keep(e)
	in.scheduler.options.Observer.Executed(max(e.rows, 1), 0, result.Timings.Compute, 0)
	return e.timed(answer{result: result})
}

// timed adds the request's wait until its call to the timings.
func (e *entry) timed(a answer) answer {
	a.result.Timings.Queue += e.began.Sub(e.arrived)
	return a
}

// call runs the engine for the requests of a batch, or for one, and records the cost and a
// success. A failed batch says nothing about the model: its requests run again, separately.
func (in *instance) call(ctx context.Context, inputs []tensor.Tensor, batch []*entry, rows int64) (*engine.Result, error) {
	s, joined := in.scheduler, batch
	if len(batch) == 1 {
		joined = nil // its own context ends it
	}
	result, took, err := in.callEngine(ctx, inputs, joined)
	s.mu.Lock()
	defer s.mu.Unlock()
	in.endLocked(nil)
	if err == nil {
		result.Timings.Call, result.Timings.Rows = took, max(rows, 1)
		s.health.succeeded()
		s.wakeUps.record(took, result.Timings.Compute, 1)
		s.cost.record(took, batch[0].size, max(rows, 1))
	}
	return result, err
}

// runRecovered runs the engine. It converts a panic or an invalid result to an error.
func (in *instance) runRecovered(ctx context.Context, inputs []tensor.Tensor) (result *engine.Result, err error) {
	defer func() {
		if v := recover(); v != nil {
			telemetry.LogPanic(ctx, in.scheduler.options.Logger, "engine", v)
			result, err = nil, fmt.Errorf("panic in the engine: %v", v)
		}
	}()
	session := in.scheduler.session
	if result, err = session.Run(ctx, inputs); err != nil {
		return nil, err
	}
	if err := checkOutputs(session.Signature(), result); err != nil {
		return nil, fmt.Errorf("invalid result of the engine: %w", err)
	}
	return result, nil
}

// checkOutputs validates a result against the signature, including the sizes in bytes, on
// which the code that splits batches depends.
func checkOutputs(signature *engine.Signature, result *engine.Result) error {
	if result == nil {
		return errors.New("it is nil")
	}
	if len(result.Outputs) != len(signature.Outputs) {
		return fmt.Errorf("it has %d outputs, the model has %d", len(result.Outputs), len(signature.Outputs))
	}
	for i := range result.Outputs {
		out, spec := &result.Outputs[i], &signature.Outputs[i]
		if out.DataType != spec.DataType {
			return fmt.Errorf("output %q has datatype %v, the model has %v", spec.Name, out.DataType, spec.DataType)
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
