package handlertest

import (
	"context"
	"testing"
)

// Stream is the client's side of a stream.
type Stream[Req, Res any] interface {
	Send(req *Req) error
	Receive() (*Res, error)
	CloseSend() error
}

// OpenStream opens a stream by a client's method, and ends it with the test.
func OpenStream[S any](t *testing.T, open func(context.Context) (S, error)) S {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	stream, err := open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// SendAll sends n requests on a goroutine of its own, and then ends the client's side. The
// test receives the answers meanwhile.
func SendAll[Req, Res any](t *testing.T, stream Stream[Req, Res], n int, request func(i int) *Req) {
	t.Helper()
	go func() {
		for i := range n {
			if err := stream.Send(request(i)); err != nil {
				t.Error(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Error(err)
		}
	}()
}

// Exchange sends a request and returns its answer.
func Exchange[Req, Res any](t *testing.T, stream Stream[Req, Res], request *Req) *Res {
	t.Helper()
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	res, err := stream.Receive()
	if err != nil {
		t.Fatal(err)
	}
	return res
}
