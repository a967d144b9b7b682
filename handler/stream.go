package handler

import (
	"context"
	"errors"
	"io"
	"runtime/debug"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
)

// frameStream is what a stream of frames needs of its transport.
type frameStream interface {
	Receive() (*modelserving.InferenceRequest, error)
	Send(*modelserving.InferenceResponse) error
}

// StreamPredict implements [modelservingconnect.PredictorHandler].
func (p *Predictor) StreamPredict(ctx context.Context, stream modelservingconnect.PredictorStreamPredictServerStream) error {
	if err := p.serveStream(ctx, stream); err != nil {
		return rpcError(ctx, p.options.Logger, err)
	}
	return nil
}

// received is a frame, or why there is none.
type received struct {
	frame *modelserving.InferenceRequest
	err   error
}

// serveStream answers frames in their order. Three parts work at once: a receiver
// that reads the next frame, up to StreamWindow frames that are being computed,
// and a sender that waits for the answer that is next in order. The window is the
// backpressure: while it is full nothing is read, and flow control stops the
// client.
func (p *Predictor) serveStream(ctx context.Context, stream frameStream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	frames := receive(ctx, stream)
	// Each answer has a channel of its own, and the channels stand in the order
	// of the frames. The one that the sender waits for is no longer in pending,
	// so that the window counts one less.
	pending := make(chan chan *modelserving.InferenceResponse, p.options.StreamWindow-1)
	sent := make(chan error, 1)
	go func() { sent <- send(stream, pending, cancel) }()

	err := p.dispatch(ctx, frames, pending)
	close(pending)
	return errors.Join(<-sent, err)
}

// dispatch starts the computation of each frame until there are no more.
func (p *Predictor) dispatch(ctx context.Context, frames <-chan received, pending chan<- chan *modelserving.InferenceResponse) error {
	for {
		var next received
		select {
		case next = <-frames:
		case <-p.options.Draining:
			return connect.NewError(connect.CodeUnavailable, "the server is stopping; the frames that it took up have been answered")
		case <-ctx.Done():
			return ctx.Err()
		}
		if errors.Is(next.err, io.EOF) {
			return nil
		}
		if next.err != nil && connect.CodeOf(next.err) != connect.CodeInvalidArgument {
			return next.err
		}
		answer := make(chan *modelserving.InferenceResponse, 1)
		select {
		case pending <- answer:
		case <-ctx.Done():
			return ctx.Err()
		}
		if next.err != nil {
			answer <- p.failure(ctx, "", next.err)
			continue
		}
		go func() { answer <- p.answerFrame(ctx, next.frame) }()
	}
}

// receive reads frames until the stream ends. A frame that cannot be decoded has
// been read whole, so the next one can be read after it.
func receive(ctx context.Context, stream frameStream) <-chan received {
	frames := make(chan received)
	go func() {
		for {
			frame, err := stream.Receive()
			select {
			case frames <- received{frame, err}:
			case <-ctx.Done():
				return
			}
			if err != nil && connect.CodeOf(err) != connect.CodeInvalidArgument {
				return
			}
		}
	}()
	return frames
}

// send sends the answers in the order of pending. When the client is gone it stops
// the work, and takes the rest off pending so that nobody waits.
func send(stream frameStream, pending <-chan chan *modelserving.InferenceResponse, cancel context.CancelFunc) error {
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

// answerFrame answers one frame. It runs on a goroutine of its own, so it keeps a
// panic from taking the process down.
func (p *Predictor) answerFrame(ctx context.Context, frame *modelserving.InferenceRequest) (res *modelserving.InferenceResponse) {
	defer func() {
		if v := recover(); v != nil {
			p.options.Logger.ErrorContext(ctx, "panic in a frame", "panic", v, "stack", string(debug.Stack()))
			res = p.failure(ctx, frame.GetId(), connect.NewError(connect.CodeInternal, "internal error"))
		}
	}()
	res, err := p.infer(ctx, fromInferenceRequest(frame))
	if err != nil {
		return p.failure(ctx, frame.GetId(), err)
	}
	return res
}

// failure is the answer of a frame that could not be served.
func (p *Predictor) failure(ctx context.Context, id string, err error) *modelserving.InferenceResponse {
	rpc := rpcError(ctx, p.options.Logger, err)
	return &modelserving.InferenceResponse{Id: id, Error: &modelserving.Error{Code: rpc.Code().String(), Message: rpc.Message()}}
}
