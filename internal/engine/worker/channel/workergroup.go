//go:build linux

package channel

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// serveGroup executes the runs of a group one after another, and answers all of them.
func (w *Worker) serveGroup(ctx context.Context, s *workerSlot, r request, message []byte) {
	parts, err := groupParts(message, requestHeader, r.size)
	if err != nil {
		s.fail(err)
		return
	}
	header := answer{kind: kindGroup, needed: r.size}
	header.append(s.answerArea[:0])
	group := newGroupWriter(s.answerArea, answerHeader, len(parts))
	ctx, end := s.begin(ctx, s.number)
	for _, part := range parts {
		group.add(w.runPart(ctx, part, group.room()))
	}
	end()
	s.send(group.length())
}

// runPart executes one run of a group, and writes its answer into room. It returns the
// answer's length.
func (w *Worker) runPart(ctx context.Context, message, room []byte) int {
	length, err := w.runInline(ctx, message, room)
	if err == nil {
		return length
	}
	a := answer{kind: kindDone}
	a.code, a.text = errcode.Of(err)
	if answerHeader+4+len(a.text) > len(room) {
		return dropped(room)
	}
	return len(a.append(room[:0]))
}

// dropped writes the answer that outputs, or the text of an error, do not fit.
func dropped(room []byte) int {
	a := answer{kind: kindMore}
	return len(a.append(room[:0]))
}

// runInline executes one run whose tensors are in the message and whose outputs go to room.
func (w *Worker) runInline(ctx context.Context, message, room []byte) (length int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r, tensors, err := parseRequest(message)
	if err != nil {
		return 0, err
	}
	if r.kind != kindRun {
		return 0, errors.New("a group has another request than a run")
	}
	inputs, err := w.inputs(message, tensors)
	if err != nil {
		return 0, err
	}
	result, err := w.run(ctx, r.session, inputs)
	if err != nil {
		return 0, err
	}
	defer result.Release()
	place, err := newPlacement(answerHeader, result.Outputs, len(room))
	if err != nil || place.segmentBytes(result.Outputs, nil) > 0 {
		return dropped(room), nil
	}
	a := answer{kind: kindDone, compute: result.Timings.Compute}
	return place.put(a.append(room[:0]), result.Outputs, nil, 0, nil), nil
}
