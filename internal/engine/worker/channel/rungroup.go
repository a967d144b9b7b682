//go:build linux

package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// RunGroup runs the worker's session on several requests, one after another, in one slot
// and with one wake-up; see [engine.GroupRunner]. Inputs and outputs travel in the slot's
// message. Requests that do not fit into it are an engine.ErrTooLarge. For ctx and for
// Fail it is like Run.
func (s *Server) RunGroup(ctx context.Context, session uint64, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	c, err := s.open(ctx, session)
	if err != nil {
		return nil, err
	}
	length, err := c.prepareGroup(ctx, requests)
	if err != nil {
		return nil, c.fail(err)
	}
	c.slot.submit(length)
	if err := s.wait(ctx, c.slot, c.history.long.Load()); err != nil {
		return nil, c.leave(ctx, err)
	}
	message, a, err := c.read()
	if err == nil && a.code != 0 {
		return nil, c.fail(errcode.Error(a.code, a.text))
	}
	if err != nil {
		return nil, c.violation(ctx, err)
	}
	results, err := groupResults(message, &a, len(requests))
	if err != nil {
		return nil, c.violation(ctx, err)
	}
	c.end()
	return results, nil
}

// prepareGroup writes the requests into the slot's area. It returns the message's length.
func (c *call) prepareGroup(ctx context.Context, requests [][]tensor.Tensor) (int, error) {
	if err := c.server.start(ctx, c.slot); err != nil {
		return 0, err
	}
	if len(requests) < 1 || len(requests) > maxGroup {
		return 0, fmt.Errorf("%w: %w: it has %d requests, the limit is %d", engine.ErrTooLarge, errGroup, len(requests), maxGroup)
	}
	header := request{kind: kindGroup, size: uint64(len(requests)), session: c.session}
	header.append(c.slot.requestArea[:0])
	group := newGroupWriter(c.slot.requestArea, requestHeader, len(requests))
	for _, inputs := range requests {
		r := c.request(kindRun)
		room := group.room()
		place, err := newPlacement(requestHeader, inputs, len(room))
		if err != nil || place.segmentBytes(inputs, nil) > 0 {
			return 0, fmt.Errorf("%w: %w", engine.ErrTooLarge, errGroup)
		}
		group.add(place.put(r.append(room[:0]), inputs, nil, 0, nil))
	}
	return group.length(), nil
}

// groupResults returns the results of a group from the server's copy of the answer. Each
// has memory of its own, so that one that is kept does not keep the others.
func groupResults(message []byte, a *answer, count int) ([]*engine.Result, error) {
	if a.kind != kindGroup || a.needed != uint64(count) {
		return nil, fmt.Errorf("an answer of kind %d with %d results, for a group of %d", a.kind, a.needed, count)
	}
	parts, err := groupParts(message, answerHeader, a.needed)
	if err != nil {
		return nil, err
	}
	results := make([]*engine.Result, count)
	for i, part := range parts {
		if results[i], err = partResult(bytes.Clone(part)); err != nil {
			return nil, fmt.Errorf("part %d: %w", i, err)
		}
	}
	return results, nil
}

// partResult returns the result of one run of a group, nil when the run failed or its
// outputs did not fit. The result owns message.
func partResult(message []byte) (*engine.Result, error) {
	a, err := parseAnswer(message)
	switch {
	case err != nil:
		return nil, err
	case a.kind == kindGroup:
		return nil, errors.New("a group in a group")
	case a.kind == kindMore || a.code != 0:
		return nil, nil //nolint:nilnil // the caller runs it again
	}
	from := source{message: message}
	if err := from.check(a.tensors); err != nil {
		return nil, err
	}
	out, err := from.copyOutputs(a.tensors, false)
	if err != nil {
		return nil, err
	}
	result := &engine.Result{Outputs: out.outputs}
	result.Timings.Compute = max(a.compute, 0)
	return result, nil
}
