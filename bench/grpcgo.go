package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"

	"google.golang.org/grpc"

	"github.com/tensorwire/tensorwire/gen/inference"
)

const (
	inferService = "inference.GRPCInferenceService"
	inferMethod  = "/" + inferService + "/ModelInfer"
	streamMethod = "/" + inferService + "/ModelStreamInfer"

	// mostMessage bounds messages on both sides, above the largest that is sent.
	mostMessage = 64 << 20
)

// grpcTuning names a choice of grpc-go's options.
type grpcTuning string

const (
	// tuningRecommended is what grpc-go v1.85 comes with: its documentation says that
	// most users should leave the windows to it, which follow the link's bandwidth-delay
	// product, and buffers for writing are shared and those for messages pooled by
	// default. The baseline section measures it against the others.
	tuningRecommended grpcTuning = "recommended"
	// tuningWorkers adds goroutines that are used again, as many as there are CPUs.
	tuningWorkers grpcTuning = "workers"
	// tuningWindows adds the windows that Tensorwire has, which do not change.
	tuningWindows grpcTuning = "windows"
	// tuningBoth adds both.
	tuningBoth grpcTuning = "both"
)

// tunings are all of them, the recommended one first.
var tunings = []grpcTuning{tuningRecommended, tuningWorkers, tuningWindows, tuningBoth}

func (t grpcTuning) options() ([]grpc.ServerOption, error) {
	if !slices.Contains(tunings, t) {
		return nil, fmt.Errorf("%w: grpc-go's options are one of %v, not %q", errUsage, tunings, t)
	}
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(mostMessage)}
	if t == tuningWorkers || t == tuningBoth {
		options = append(options, grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))))
	}
	if t == tuningWindows || t == tuningBoth {
		options = append(options, grpc.StaticStreamWindowSize(8<<20), grpc.StaticConnWindowSize(64<<20))
	}
	return options, nil
}

// serveGRPCGo serves work by grpc-go until ctx is done.
func serveGRPCGo(ctx context.Context, listener net.Listener, do work, tuning grpcTuning) error {
	options, err := tuning.options()
	if err != nil {
		return err
	}
	srv := grpc.NewServer(options...)
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: inferService,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{
			MethodName: "ModelInfer",
			Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				req := new(inference.ModelInferRequest)
				if err := decode(req); err != nil {
					return nil, err
				}
				return do(ctx, req)
			},
		}},
		Streams: []grpc.StreamDesc{{
			StreamName: "ModelStreamInfer", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return streamGRPCGo(stream, do) }, //nolint:contextcheck // it is the stream's
		}},
	}, struct{}{})
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		srv.Stop()
		return <-served
	}
}

// streamGRPCGo answers each message of a stream.
func streamGRPCGo(stream grpc.ServerStream, do work) error {
	for {
		req := new(inference.ModelInferRequest)
		if err := stream.RecvMsg(req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		res, err := do(stream.Context(), req)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(&inference.ModelStreamInferResponse{InferResponse: res}); err != nil {
			return err
		}
	}
}
