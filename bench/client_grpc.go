package main

import (
	"context"
	"errors"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
)

// grpcClient is grpc-go's client with its defaults, on a number of connections.
type grpcClient struct{ conns []*grpc.ClientConn }

func dialGRPC(base string, conns int) (*grpcClient, error) {
	c := &grpcClient{}
	for range conns {
		conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(base, "http://"),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)))
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.conns = append(c.conns, conn)
	}
	return c, nil
}

func (c *grpcClient) close() error {
	var errs error
	for _, conn := range c.conns {
		errs = errors.Join(errs, conn.Close())
	}
	return errs
}

func infer(ctx context.Context, conn *grpc.ClientConn, req *inference.ModelInferRequest, check check) error {
	res := new(inference.ModelInferResponse)
	if err := conn.Invoke(ctx, inferenceconnect.GRPCInferenceServiceModelInferProcedure, req, res); err != nil {
		return err
	}
	return check(res)
}

func connectInfer(callers, conns int, req *inference.ModelInferRequest, check check) connector {
	return connectGRPC(callers, conns, func(ctx context.Context, conn *grpc.ClientConn) error { return infer(ctx, conn, req, check) })
}

func connectFast(callers, conns int, req *modelserving.FastInferenceRequest, check func(*modelserving.InferenceResponse) error) connector {
	return connectGRPC(callers, conns, func(ctx context.Context, conn *grpc.ClientConn) error {
		res := new(modelserving.InferenceResponse)
		if err := conn.Invoke(ctx, modelservingconnect.PredictorFastPredictProcedure, req, res); err != nil {
			return err
		}
		return check(res)
	})
}

// connectGRPC returns the connector of callers that use the connections in turn.
func connectGRPC(callers, conns int, do func(context.Context, *grpc.ClientConn) error) connector {
	return func(_ context.Context, base string) (*client, error) {
		c, err := dialGRPC(base, conns)
		if err != nil {
			return nil, err
		}
		next := make([]struct {
			n int
			_ [56]byte // a cache line each
		}, callers)
		return &client{do: func(ctx context.Context, caller int) error {
			next[caller].n++
			return do(ctx, c.conns[(caller+next[caller].n)%conns])
		}, close: c.close}, nil
	}
}

// streamWindow is the number of frames of a stream in flight, the default of Tensorwire's
// --stream-window.
const streamWindow = 8

// frameStream is a client's end of a stream. Responses come in the order of the frames.
type frameStream struct {
	grpc.ClientStream
	sending   sync.Mutex
	receiving chan struct{} // a token; those who wait for it get it in their order
}

// connectStreams returns the connector of callers that share streams, streamWindow of them
// each: a caller sends a frame and waits for the response.
func connectStreams(streams, conns int, req *inference.ModelInferRequest, check check) connector {
	return func(ctx context.Context, base string) (*client, error) {
		c, err := dialGRPC(base, conns)
		if err != nil {
			return nil, err
		}
		all := make([]*frameStream, streams)
		for i := range all {
			stream, err := c.conns[i%conns].NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, inferenceconnect.GRPCInferenceServiceModelStreamInferProcedure)
			if err != nil {
				return nil, errors.Join(err, c.close())
			}
			all[i] = &frameStream{ClientStream: stream, receiving: make(chan struct{}, 1)}
			all[i].receiving <- struct{}{}
		}
		return &client{
			do: func(ctx context.Context, caller int) error { return all[caller%streams].call(ctx, req, check) },
			close: func() (err error) {
				for _, s := range all {
					err = errors.Join(err, s.CloseSend())
				}
				return errors.Join(err, c.close())
			},
		}, nil
	}
}

func (s *frameStream) call(ctx context.Context, req *inference.ModelInferRequest, check check) error {
	s.sending.Lock()
	_ = s.SendMsg(req) // receiving returns the reason of a failure
	s.sending.Unlock()
	select {
	case <-s.receiving:
	case <-ctx.Done():
		return ctx.Err()
	}
	res := new(inference.ModelStreamInferResponse)
	err := s.RecvMsg(res)
	s.receiving <- struct{}{}
	if err == nil && res.GetErrorMessage() != "" {
		err = errors.New(res.GetErrorMessage())
	}
	if err != nil {
		return err
	}
	return check(res.GetInferResponse())
}
