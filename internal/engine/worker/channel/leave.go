//go:build linux

package channel

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

// end returns the slot and the segments. The worker does not use them any more.
func (c *call) end() {
	for _, segment := range []*shm.Segment{c.input, c.output} {
		if segment != nil {
			c.server.segments.Put(segment)
		}
	}
	c.server.release(c.slot)
}

// fail ends a call that the worker does not run, or whose run has failed, and returns the
// error of Run.
func (c *call) fail(err error) error {
	c.end()
	return c.server.cause(err)
}

// cause returns the error of Fail for an err that comes after it: a channel that is closed
// fails what is being prepared, and a worker that lives cancels its runs.
func (s *Server) cause(err error) error {
	if s.hasFailed() {
		return s.err
	}
	return err
}

// leave ends a call whose context is done, and returns the error of Run. It waits for the
// worker's answer: until then the worker reads and writes the call's memory, and computes.
func (c *call) leave(ctx context.Context, err error) error {
	if c.server.hasFailed() {
		c.end()
		return c.server.err
	}
	ctx = context.WithoutCancel(ctx)
	n := notice{kind: noticeTerminate, number: uint32(c.slot.index), size: uint64(c.slot.number)}
	// An error means that the channel failed, which drain finds too.
	_ = c.server.notify(ctx, n, nil)
	c.drain(ctx)
	return err
}

// abandon ends a call whose worker waits for a larger output segment.
func (c *call) abandon(ctx context.Context) {
	r := request{kind: kindAbandon, session: c.session}
	c.slot.submit(len(r.append(c.slot.requestArea[:0])))
	c.drain(ctx)
}

// drain waits for the answer to the last request, and ends the call. ctx is never done.
func (c *call) drain(ctx context.Context) {
	// The error is that of Fail.
	if c.server.wait(ctx, c.slot, true) == nil {
		_, a, err := c.read()
		switch {
		case err != nil:
			c.server.broken(err)
			<-c.server.failed
		case a.kind == kindMore:
			c.abandon(ctx)
			return
		}
	}
	c.end()
}

// violation ends a call whose answer broke the protocol, with the error of Fail.
func (c *call) violation(ctx context.Context, cause error) error {
	c.server.broken(cause)
	select {
	case <-c.server.failed:
		c.end()
		return c.server.err
	case <-ctx.Done():
		go func() {
			<-c.server.failed
			c.end()
		}()
		return ctx.Err()
	}
}

// drop makes the worker unmap a segment that is about to be freed, or was.
func (s *Server) drop(id uint32) {
	n := notice{kind: noticeDrop, number: id}
	if send(s.socket, n, nil) != nil {
		// The socket is full, and drop is part of a Run: it does not wait.
		go func() { _ = s.notify(context.Background(), n, nil) }()
	}
}
