//go:build linux

package channel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/tensorwire/tensorwire/internal/base/callctx"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/futex"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// workerSlot is the worker's side of a slot.
type workerSlot struct {
	slotMemory
	pipe   *os.File // write end, nil until the slot is started
	number uint32   // of the last request; only the slot's thread uses it

	mu         sync.Mutex       // guards what follows
	running    uint32           // number of the run in flight, 0 without one
	ctx        *callctx.Context // of that run
	terminated uint32           // number of the run that the server terminated last
}

// terminate cancels the run with that number, now or when it starts.
func (s *workerSlot) terminate(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.terminated = number
	if s.running == number {
		s.ctx.End(nil)
	}
}

// begin returns the context of the run with that number, and the function that ends it.
func (s *workerSlot) begin(ctx context.Context, number uint32) (context.Context, func()) {
	run := callctx.New(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.ctx = number, run
	if s.terminated == number {
		run.End(nil)
	}
	return run, func() {
		s.mu.Lock()
		s.running, s.ctx = 0, nil
		s.mu.Unlock()
		run.End(nil)
	}
}

// receive waits for the next request. It reports false when the channel is closed. The
// request's memory is the slot's, until the answer.
func (s *workerSlot) receive() (message []byte, open bool) {
	for {
		number := s.request.Load()
		switch number {
		case s.number:
			s.sleeping.Store(1)
			if s.request.Load() == number {
				_ = futex.Wait(&s.request, number, 0) // the word is checked again
			}
			s.sleeping.Store(0)
			continue
		case closedWord:
			return nil, false
		}
		s.number = number
		return s.requestArea[:min(s.requestLength.Load(), areaSize)], true
	}
}

// send publishes the answer in the slot's area, and wakes the server if it waits.
func (s *workerSlot) send(length int) {
	s.answerLength.Store(uint32(length))
	s.answer.Store(s.number)
	switch s.waiting.Load() {
	case waitsFutex:
		futex.Wake(&s.answer)
	case waitsPipe:
		_, _ = s.pipe.Write([]byte{0}) // a full pipe wakes too
	}
}

// serve executes the requests of a slot on one thread.
func (w *Worker) serve(ctx context.Context, s *workerSlot) {
	// The thread is not unlocked: it ends with the goroutine.
	runtime.LockOSThread()
	for {
		message, open := s.receive()
		if !open {
			return
		}
		r, tensors, err := parseRequest(message)
		switch {
		case err == nil && r.kind == kindRun:
			w.serveRun(ctx, s, r, message, tensors)
			continue
		case err == nil && r.kind == kindGroup:
			w.serveGroup(ctx, s, r, message)
			continue
		}
		if err == nil {
			err = errors.New("no outputs wait for the request")
		}
		s.fail(fmt.Errorf("the server sent a wrong request: %w", err))
	}
}

// serveRun executes one run and answers it.
func (w *Worker) serveRun(ctx context.Context, s *workerSlot, r request, message []byte, tensors []descriptor) {
	inputs, err := w.inputs(message, tensors)
	if err != nil {
		s.fail(err)
		return
	}
	ctx, end := s.begin(ctx, s.number)
	result, err := w.run(ctx, r.session, inputs)
	end()
	if err != nil {
		s.fail(err)
		return
	}
	defer result.Release()
	if err := w.answer(s, r, result); err != nil {
		s.fail(err)
	}
}

// inputs returns the tensors of a request. They alias shared memory.
func (w *Worker) inputs(message []byte, tensors []descriptor) ([]tensor.Tensor, error) {
	from := source{message: message}
	inputs := make([]tensor.Tensor, len(tensors))
	for i := range tensors {
		d := &tensors[i]
		if d.segment != 0 && d.segment != from.id {
			segment, err := w.segment(d.segment)
			if err != nil {
				return nil, err
			}
			from.id, from.segment = d.segment, segment
		}
		data, err := from.data(d)
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		inputs[i] = tensor.Tensor{DataType: d.dataType, Shape: d.shape, Data: data}
	}
	return inputs, nil
}

// answer answers a run with its outputs. Where they do not fit into the output segment, it
// asks the server for a larger one; the outputs stay valid meanwhile.
func (w *Worker) answer(s *workerSlot, r request, result *engine.Result) error {
	place, err := newPlacement(answerHeader, result.Outputs, areaSize)
	if err != nil {
		return fmt.Errorf("%w: outputs: %w", engine.ErrTooLarge, err)
	}
	if needed := uint64(place.segmentBytes(result.Outputs, nil)); needed > r.size {
		a := answer{kind: kindMore, needed: needed}
		s.send(len(a.append(s.answerArea[:0])))
		message, open := s.receive()
		if !open {
			return engine.ErrClosed
		}
		if r, _, err = parseRequest(message); err != nil {
			return err
		}
		if r.kind != kindContinue || needed > r.size {
			return context.Canceled // the server does not want the outputs
		}
	}
	var memory []byte
	if r.output != 0 {
		if memory, err = w.segment(r.output); err != nil {
			return err
		}
	}
	a := answer{kind: kindDone, compute: result.Timings.Compute}
	s.send(place.put(a.append(s.answerArea[:0]), result.Outputs, nil, r.output, memory))
	return nil
}

// fail answers a run with an error.
func (s *workerSlot) fail(err error) {
	a := answer{kind: kindDone}
	a.code, a.text = errcode.Of(err)
	s.send(len(a.append(s.answerArea[:0])))
}
