//go:build linux

package channel

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// call is one Run. It owns its slot and its segments.
type call struct {
	server        *Server
	slot          *slot
	history       *history
	session       uint64
	input, output *shm.Segment // nil for none
}

// Run runs the worker's session on inputs and waits for the outputs. The inputs are valid
// (see tensor.Validate); they are copied where they are not in Options.Inputs, and not read
// after Run returned. A run waits for a free slot.
//
// When ctx is done, Run asks the worker to terminate the run, and returns ctx's error when
// the worker has answered. Only Fail ends the wait for a worker that does not. Errors of the
// worker's run keep their sentinel of package engine.
func (s *Server) Run(ctx context.Context, session uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	c, err := s.open(ctx, session)
	if err != nil {
		return nil, err
	}
	length, err := c.prepare(ctx, inputs)
	if err != nil {
		return nil, c.fail(err)
	}
	defer runtime.KeepAlive(inputs) // until the worker has answered
	c.slot.submit(length)
	return c.finish(ctx)
}

// open returns a call, which owns a slot, when one is free.
func (s *Server) open(ctx context.Context, session uint64) (*call, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sl, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &call{server: s, slot: sl, session: session, history: s.history(session)}, nil
}

// prepare writes the request into the slot's area. It returns its length.
func (c *call) prepare(ctx context.Context, inputs []tensor.Tensor) (int, error) {
	if err := c.server.start(ctx, c.slot); err != nil {
		return 0, err
	}
	place, err := newPlacement(requestHeader, inputs, areaSize)
	if err != nil {
		return 0, fmt.Errorf("%w: inputs: %w", engine.ErrBadInput, err)
	}
	var inputID uint32
	var memory []byte
	located := c.server.locate(inputs)
	if n := place.segmentBytes(inputs, located); n > 0 {
		if c.input, err = c.segment(ctx, n, shm.ReadOnly); err != nil {
			return 0, err
		}
		inputID, memory = c.input.ID, c.input.Bytes()
	}
	// Without a segment of the right size the worker asks for one, which is another hop. An
	// error is no reason to fail: these outputs may be smaller.
	if n := c.history.outputBytes.Load(); n > 0 {
		c.output, _ = c.segment(ctx, int(n), shm.Writable)
	}
	r := c.request(kindRun)
	message := r.append(c.slot.requestArea[:0])
	return place.put(message, inputs, located, inputID, memory), nil
}

// request returns a request with the call's output segment.
func (c *call) request(kind messageKind) request {
	r := request{kind: kind, session: c.session}
	if c.output != nil {
		r.output, r.size = c.output.ID, uint64(c.output.Size())
	}
	return r
}

// segment returns a segment that the worker has.
func (c *call) segment(ctx context.Context, size int, access shm.Access) (*shm.Segment, error) {
	segment, err := c.server.segments.Get(size, access)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrOutOfMemory, err)
	}
	if segment.Shared() {
		return segment, nil
	}
	n := notice{kind: noticeSegment, number: segment.ID, size: uint64(segment.Size()), access: uint32(access)}
	if err := c.server.notify(ctx, n, segment.File()); err != nil {
		c.server.segments.Put(segment)
		return nil, err
	}
	c.server.segments.MarkShared(segment)
	return segment, segment.CloseFile()
}

// finish waits for the outputs of a submitted run.
func (c *call) finish(ctx context.Context) (*engine.Result, error) {
	grown := false
	for {
		if err := c.server.wait(ctx, c.slot, c.history.long.Load()); err != nil {
			return nil, c.leave(ctx, err)
		}
		message, a, err := c.read()
		switch {
		case err != nil:
			return nil, c.violation(ctx, err)
		case a.kind == kindDone && a.code != 0:
			return nil, c.fail(errcode.Error(a.code, a.text))
		case a.kind == kindDone:
			return c.result(ctx, message, &a)
		case a.kind != kindMore:
			return nil, c.violation(ctx, fmt.Errorf("an answer of kind %d to a run", a.kind))
		case grown || a.needed <= c.outputSize():
			return nil, c.violation(ctx, fmt.Errorf("an answer asks for %d bytes of %d", a.needed, c.outputSize()))
		}
		grown = true
		if err := c.grow(ctx, a.needed); err != nil {
			c.abandon(context.WithoutCancel(ctx))
			return nil, c.server.cause(err)
		}
	}
}

func (c *call) outputSize() uint64 {
	if c.output == nil {
		return 0
	}
	return uint64(c.output.Size())
}

// grow replaces the output segment with a larger one, and continues the run.
func (c *call) grow(ctx context.Context, needed uint64) error {
	if limit := cmp.Or(c.history.maxOutputs.Load(), c.server.options.MaxOutputBytes); needed > uint64(limit) {
		return fmt.Errorf("%w: the outputs have %d bytes; the limit is %d bytes", engine.ErrTooLarge, needed, limit)
	}
	c.history.outputBytes.Store(int64(needed))
	if c.output != nil {
		c.server.segments.Put(c.output)
		c.output = nil
	}
	var err error
	if c.output, err = c.segment(ctx, int(needed), shm.Writable); err != nil {
		return err
	}
	r := c.request(kindContinue)
	c.slot.submit(len(r.append(c.slot.requestArea[:0])))
	return nil
}

// result returns the outputs of a completed run, and ends the call.
func (c *call) result(ctx context.Context, message []byte, a *answer) (*engine.Result, error) {
	from := source{message: message}
	if c.output != nil {
		from.id, from.segment = c.output.ID, c.output.Bytes()
	}
	if err := from.check(a.tensors); err != nil {
		return nil, c.violation(ctx, err)
	}
	used := from.used(a.tensors)
	out, err := from.copyOutputs(a.tensors, c.mayLend(used))
	if err != nil {
		return nil, c.violation(ctx, err)
	}
	c.history.long.Store(a.compute >= longRun)
	c.history.observe(used)
	result := &engine.Result{Outputs: out.outputs}
	result.Timings.Compute = max(a.compute, 0)
	switch {
	case out.lent:
		segment := c.output
		c.output = nil // it belongs to the result
		result.Free = func() {
			out.free()
			c.server.segments.Put(segment)
		}
	case len(out.buffers) > 0:
		result.Free = out.free
	}
	c.end()
	return result, nil
}

// maxLentSlack is how many times larger than its outputs a segment is that is lent.
const maxLentSlack = 2

// mayLend lends the output segment, of which used bytes are outputs, where that is possible.
func (c *call) mayLend(used int64) bool {
	return c.output != nil && int64(c.output.Size()) <= maxLentSlack*used && c.server.segments.Lend(c.output, c.server.options.LendBytes)
}

// read returns the worker's answer, parsed from a copy, which is the caller's.
func (c *call) read() (message []byte, a answer, err error) {
	length := c.slot.answerLength.Load()
	if length > areaSize {
		return nil, answer{}, fmt.Errorf("an answer has %d bytes, the limit is %d", length, areaSize)
	}
	message = make([]byte, length)
	copy(message, c.slot.answerArea)
	a, err = parseAnswer(message)
	return message, a, err
}
