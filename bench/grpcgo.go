package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"

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
)

func grpcOptions(tuning grpcTuning) ([]grpc.ServerOption, error) {
	options := []grpc.ServerOption{grpc.MaxRecvMsgSize(mostMessage)}
	switch tuning {
	case tuningRecommended:
		return options, nil
	case tuningWorkers:
		return append(options, grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0)))), nil
	case tuningWindows:
		return append(options, grpc.StaticStreamWindowSize(8<<20), grpc.StaticConnWindowSize(64<<20)), nil
	}
	return nil, fmt.Errorf("%w: no tuning %q", errUsage, tuning)
}

// serveGRPCGo serves work by grpc-go until ctx is done.
func serveGRPCGo(ctx context.Context, listener net.Listener, do work, tuning grpcTuning) error {
	options, err := grpcOptions(tuning)
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
