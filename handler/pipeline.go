package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"

	"connectrpc.com/connect/v2"
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
// client.
type pipeline[Req, Res any] struct {
	window int
	// draining is closed when the server begins to stop.
	draining <-chan struct{}
	log      *slog.Logger
	// answer answers one request. Several run at once.
	answer func(context.Context, *Req) (*Res, error)
	// failure is the answer of a request that failed. The request is nil where it
	// could not be decoded.
	failure func(context.Context, *Req, error) *Res
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
	// of the requests. The one that the sender waits for is no longer in pending,
	// so that the window counts one less.
	pending := make(chan chan *Res, p.window-1)
	sent := make(chan error, 1)
	go func() { sent <- p.send(stream, pending, cancel) }()

	err := p.dispatch(ctx, requests, pending)
	close(pending)
	return errors.Join(<-sent, err)
}

// dispatch starts the computation of each request until there are no more.
func (p *pipeline[Req, Res]) dispatch(ctx context.Context, requests <-chan received[Req], pending chan<- chan *Res) error {
	for {
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
		answer := make(chan *Res, 1)
		select {
		case pending <- answer:
		case <-ctx.Done():
			return ctx.Err()
		}
		if next.err != nil {
			answer <- p.failure(ctx, nil, next.err)
			continue
		}
		go func() { answer <- p.compute(ctx, next.request) }()
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

// send sends the answers in the order of pending. When the client is gone it stops
// the work, and takes the rest off pending so that nobody waits.
func (p *pipeline[Req, Res]) send(stream duplex[Req, Res], pending <-chan chan *Res, cancel context.CancelFunc) error {
	var failed error
	for answer := range pending {
		res := <-answer
		if failed == nil {
			if failed = stream.Send(res); failed != nil {
				cancel()
			}
		}
	}
	return failed
}

// compute answers one request. It runs on a goroutine of its own, so it keeps a panic
// from taking the process down.
func (p *pipeline[Req, Res]) compute(ctx context.Context, request *Req) (res *Res) {
	defer func() {
		if v := recover(); v != nil {
			p.log.ErrorContext(ctx, "panic in a stream", "panic", v, "stack", string(debug.Stack()))
			res = p.failure(ctx, request, connect.NewError(connect.CodeInternal, "internal error"))
		}
	}()
	res, err := p.answer(ctx, request)
	if err != nil {
		return p.failure(ctx, request, err)
	}
	return res
}
