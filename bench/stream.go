package main

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// frameStream is the client's end of a stream. Answers come in the order of the frames.
type frameStream struct {
	stream grpc.ClientStream
	// sending is held by who sends, so that places in waiting are those of the frames.
	sending sync.Mutex
	waiting chan chan answer
	// ended gives why no more answers come; nil at the stream's regular end.
	ended chan error
}

// answer is what comes back for a frame.
type answer struct {
	res *inference.ModelInferResponse
	err error
}

func openStream(ctx context.Context, conn *grpc.ClientConn) (*frameStream, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	if err != nil {
		return nil, err
	}
	s := &frameStream{stream: stream, waiting: make(chan chan answer, 2*streamWindow), ended: make(chan error, 1)}
	go s.receive()
	return s, nil
}

// call sends a frame and waits for its answer.
func (s *frameStream) call(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	mine := make(chan answer, 1)
	s.sending.Lock()
	select {
	case s.waiting <- mine:
	case <-ctx.Done():
		s.sending.Unlock()
		return nil, ctx.Err()
	}
	err := s.stream.SendMsg(req)
	s.sending.Unlock()
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: receiving says why
		return nil, err
	}
	select {
	case a := <-mine:
		return a.res, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// receive hands out answers until the stream ends, and then its error.
func (s *frameStream) receive() {
	var failed error
	for mine := range s.waiting {
		if failed != nil {
			mine <- answer{err: failed}
			continue
		}
		res := new(inference.ModelStreamInferResponse)
		if failed = s.stream.RecvMsg(res); failed == nil && res.GetErrorMessage() != "" {
			failed = errors.New(res.GetErrorMessage())
		}
		mine <- answer{res.GetInferResponse(), failed}
	}
	if failed == nil {
		failed = s.stream.RecvMsg(new(inference.ModelStreamInferResponse))
	}
	if errors.Is(failed, io.EOF) {
		failed = nil
	}
	s.ended <- failed
}

// end closes the stream. No call is under way.
func (s *frameStream) end() error {
	err := s.stream.CloseSend()
	close(s.waiting)
	return errors.Join(err, <-s.ended)
}
