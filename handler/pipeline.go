package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// duplex is what a pipeline needs of its transport. Receive and Send are called on
// one goroutine each.
type duplex[Req, Res any] interface {
	Receive() (*Req, error)
	Send(*Res) error
}

// pipeline answers the requests of a stream in their order. Three parts work at once:
// a receiver that reads the next request, up to window requests that are being
// computed, and a sender that waits for the answer that is next in order. The window
// is the backpressure: while it is full nothing is read, and flow control stops the
// client. Requests of which only the latest matters do not fill the window: at most a
// few of them are computed, and those that were overtaken only wait for their place.
type pipeline[Req, Res any] struct {
	window int
	// latestOnly reports whether newer requests may overtake this one.
	latestOnly func(*Req) bool
	// draining is closed when the server begins to stop.
	draining <-chan struct{}
	log      *slog.Logger
	// answer answers the request of that number, which count up, by what a model computed,
	// whose memory is released when the answer has been sent. Several run at once.
	answer func(ctx context.Context, number uint64, request *Req) (*Res, *engine.Result, error)
	// failure is the answer of a request that failed. The request is nil where it
	// could not be decoded.
	failure func(context.Context, *Req, error) *Res
	// release is told of a request that succeeded, when its answer has been sent: nobody
	// looks at its memory any more. Of one that failed, the model may still read.
	release func(context.Context, *Req)
}

// maxPending bounds the answers of one stream that wait for their place.
const maxPending = 1024

// outcome is an answer, and the request where it succeeded, with what was computed for it.
type outcome[Req, Res any] struct {
	answer    *Res
	succeeded *Req
	computed  *engine.Result
}

// place is an answer's place in the order of the requests.
type place[Req, Res any] struct {
	outcome chan outcome[Req, Res]
	// inWindow says that the request is one of the window's.
	inWindow bool
}

// received is a request, or why there is none.
type received[Req any] struct {
	request *Req
	err     error
}

// serve answers until the stream ends, and returns when nothing computes any more.
func (p *pipeline[Req, Res]) serve(ctx context.Context, stream duplex[Req, Res]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	requests := p.receive(ctx, stream)
	// Each answer has a channel of its own, and the channels stand in the order
	// of the requests.
	pending := make(chan place[Req, Res], max(maxPending, p.window))
	window := make(chan struct{}, p.window)
	sent := make(chan error, 1)
	go func() { sent <- p.send(ctx, stream, pending, window, cancel) }()

	err := p.dispatch(ctx, requests, pending, window)
	close(pending)
	return errors.Join(<-sent, err)
}

// dispatch starts the computation of each request until there are no more.
func (p *pipeline[Req, Res]) dispatch(ctx context.Context, requests <-chan received[Req], pending chan<- place[Req, Res], window chan<- struct{}) error {
	for number := uint64(1); ; number++ {
		var next received[Req]
		select {
		case next = <-requests:
		case <-p.draining:
			return connect.NewError(connect.CodeUnavailable, "the server is stopping; what it took up of this stream has been answered")
		case <-ctx.Done():
			return ctx.Err()
		}
		if errors.Is(next.err, io.EOF) {
			return nil
		}
		if next.err != nil && connect.CodeOf(next.err) != connect.CodeInvalidArgument {
			return next.err
		}
		here := place[Req, Res]{outcome: make(chan outcome[Req, Res], 1), inWindow: next.err != nil || !p.latestOnly(next.request)}
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
			here.outcome <- outcome[Req, Res]{answer: p.failure(ctx, nil, next.err)}
			continue
		}
		go func() { here.outcome <- p.compute(ctx, number, next.request) }()
	}
}

// receive reads requests until the stream ends. One that cannot be decoded has been
// read whole, so the next one can be read after it.
func (p *pipeline[Req, Res]) receive(ctx context.Context, stream duplex[Req, Res]) <-chan received[Req] {
	requests := make(chan received[Req])
	go func() {
		for {
			request, err := stream.Receive()
			select {
			case requests <- received[Req]{request, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && connect.CodeOf(err) != connect.CodeInvalidArgument {
				return
			}
		}
	}()
	return requests
}

// send sends the answers in the order of pending, and gives back what the memory budget
// holds for their requests. When the client is gone it stops
// the work, and takes the rest off pending so that nobody waits.
func (p *pipeline[Req, Res]) send(ctx context.Context, stream duplex[Req, Res], pending <-chan place[Req, Res], window <-chan struct{}, cancel context.CancelFunc) error {
	var failed error
	for next := range pending {
		done := <-next.outcome
		if failed == nil {
			if failed = stream.Send(done.answer); failed != nil {
				cancel()
			} else if done.succeeded != nil {
				p.release(ctx, done.succeeded)
				done.computed.Release()
			}
		}
		admission.Answered(ctx) // or will never be
		if next.inWindow {
			<-window
		}
	}
	return failed
}

// compute answers one request. It runs on a goroutine of its own, so it keeps a panic
// from taking the process down.
func (p *pipeline[Req, Res]) compute(ctx context.Context, number uint64, request *Req) (o outcome[Req, Res]) {
	defer func() {
		if v := recover(); v != nil {
			p.log.ErrorContext(ctx, "panic in a stream", "panic", v, "stack", string(debug.Stack()))
			o = outcome[Req, Res]{answer: p.failure(ctx, request, connect.NewError(connect.CodeInternal, "internal error"))}
		}
	}()
	res, computed, err := p.answer(ctx, number, request)
	if err != nil {
		return outcome[Req, Res]{answer: p.failure(ctx, request, err)}
	}
	return outcome[Req, Res]{res, request, computed}
}
