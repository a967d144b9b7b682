package infer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// DefaultStreamWindow is the default of Stream.Window.
const DefaultStreamWindow = 8

// Duplex is the transport of a Stream. Receive and Send are called on one goroutine
// each.
type Duplex[Req, Res any] interface {
	Receive() (*Req, error)
	Send(*Res) error
}

// Stream answers the requests of a stream in their order. Three parts work at once: a
// receiver that reads the next request, up to Window requests in flight, and a sender
// that waits for the answer that is next in order. The window is the backpressure: while
// it is full nothing is read, and flow control stops the client. Latest-only requests do
// not fill the window: few of them are in flight, and those that were overtaken only
// wait for their place in the order. A Stream serves one stream, once.
type Stream[Req, Res any] struct {
	// Window bounds the requests in flight. 0: DefaultStreamWindow.
	Window int
	// LatestOnly reports whether newer requests may overtake this one.
	LatestOnly func(*Req) bool
	// Malformed reports whether an error of Receive is of one request, after which the
	// stream continues.
	Malformed func(error) bool
	// Draining is closed when the server begins to stop: the requests in flight are then
	// answered, and the stream ends with ErrStopping. nil: never.
	Draining <-chan struct{}
	// Logger logs panics.
	Logger *slog.Logger
	// Answer answers a request; frame is nil for one that is not latest-only. The Result
	// is released when the answer has been sent. Several run at once.
	Answer func(ctx context.Context, request *Req, frame *Frame) (*Res, *Result, error)
	// Failure returns the answer of a request that failed. The request is nil where it
	// is malformed.
	Failure func(context.Context, *Req, error) *Res
	// Release is called with a request that succeeded when its answer has been sent:
	// nothing reads its memory any more. The memory of one that failed may still be read
	// by the model.
	Release func(context.Context, *Req)

	latest latestGroups
}

// maxPending bounds the answers of one stream that wait for their place in the order.
const maxPending = 1024

// outcome is an answer. After a success it has the request and the Result, to release.
type outcome[Req, Res any] struct {
	answer    *Res
	succeeded *Req
	result    *Result
}

// place is an answer's place in the order of the requests.
type place[Req, Res any] struct {
	outcome chan outcome[Req, Res]
	// inWindow reports that the request takes a place of the window.
	inWindow bool
}

// received is a request, or the error of Receive.
type received[Req any] struct {
	request *Req
	err     error
}

// Serve answers until the stream ends, and returns when no request is in flight.
func (s *Stream[Req, Res]) Serve(ctx context.Context, stream Duplex[Req, Res]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	requests := s.receive(ctx, stream)
	// Each answer has its own channel, and the channels are in the order of the
	// requests.
	size := cmp.Or(s.Window, DefaultStreamWindow)
	pending := make(chan place[Req, Res], max(maxPending, size))
	window := make(chan struct{}, size)
	sent := make(chan error, 1)
	go func() { sent <- s.send(ctx, stream, pending, window, cancel) }()

	err := s.dispatch(ctx, requests, pending, window)
	close(pending)
	return errors.Join(<-sent, err)
}

// dispatch starts the answer of each request until there are no more.
func (s *Stream[Req, Res]) dispatch(ctx context.Context, requests <-chan received[Req], pending chan<- place[Req, Res], window chan<- struct{}) error {
	for number := uint64(1); ; number++ {
		var next received[Req]
		select {
		case next = <-requests:
		case <-s.Draining:
			return ErrStopping
		case <-ctx.Done():
			return ctx.Err()
		}
		if errors.Is(next.err, io.EOF) {
			return nil
		}
		if next.err != nil && !s.Malformed(next.err) {
			return next.err
		}
		here := place[Req, Res]{outcome: make(chan outcome[Req, Res], 1), inWindow: next.err != nil || !s.LatestOnly(next.request)}
		if here.inWindow {
			select {
			case window <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case pending <- here:
		case <-ctx.Done():
			return ctx.Err()
		}
		if next.err != nil {
			here.outcome <- outcome[Req, Res]{answer: s.Failure(ctx, nil, next.err)}
			continue
		}
		go func() { here.outcome <- s.compute(ctx, number, next.request) }()
	}
}

// receive reads requests until the stream ends. A malformed one has been read to its
// end, so the next one can be read after it.
func (s *Stream[Req, Res]) receive(ctx context.Context, stream Duplex[Req, Res]) <-chan received[Req] {
	requests := make(chan received[Req])
	go func() {
		for {
			request, err := stream.Receive()
			select {
			case requests <- received[Req]{request, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && !s.Malformed(err) {
				return
			}
		}
	}()
	return requests
}

// send sends the answers in the order of pending, and returns the memory of their
// requests to the memory budget. When the client is gone it cancels the requests in
// flight and receives the rest of pending, so that dispatch does not block.
func (s *Stream[Req, Res]) send(ctx context.Context, stream Duplex[Req, Res], pending <-chan place[Req, Res], window <-chan struct{}, cancel context.CancelFunc) error {
	var failed error
	for next := range pending {
		done := <-next.outcome
		if failed == nil {
			if failed = stream.Send(done.answer); failed != nil {
				cancel()
			} else if done.succeeded != nil {
				s.Release(ctx, done.succeeded)
				done.result.Release()
			}
		}
		admission.Answered(ctx) // or never will be
		if next.inWindow {
			<-window
		}
	}
	return failed
}

// compute answers one request. It runs on its own goroutine, and so recovers from a
// panic, which would end the process.
func (s *Stream[Req, Res]) compute(ctx context.Context, number uint64, request *Req) (o outcome[Req, Res]) {
	defer func() {
		if v := recover(); v != nil {
			telemetry.LogPanic(ctx, s.Logger, "request of a stream", v)
			o = outcome[Req, Res]{answer: s.Failure(ctx, request, telemetry.ErrInternal)}
		}
	}()
	var frame *Frame
	if s.LatestOnly(request) {
		frame = &Frame{groups: &s.latest, number: number}
	}
	res, result, err := s.Answer(ctx, request, frame)
	if err != nil {
		return outcome[Req, Res]{answer: s.Failure(ctx, request, err)}
	}
	return outcome[Req, Res]{answer: res, succeeded: request, result: result}
}
