package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxMessage bounds messages on both sides.
const maxMessage = 64 << 20

// grpcTuning is a set of grpc-go's server options.
type grpcTuning struct {
	text    string
	options []grpc.ServerOption
}

// grpcTunings returns the sets. The first is grpc-go's default: its documentation says that
// most users should leave the windows to grpc-go, which estimates the bandwidth-delay
// product; shared write buffers and pooled message buffers are defaults.
func grpcTunings() []grpcTuning {
	workers := grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0)))
	stream, conn := grpc.StaticStreamWindowSize(16<<20), grpc.StaticConnWindowSize(128<<20) // Tensorwire's
	return []grpcTuning{
		{"defaults, with larger messages", nil},
		{"`NumStreamWorkers`, one per CPU", []grpc.ServerOption{workers}},
		{"`StaticStreamWindowSize` 16 MiB, `StaticConnWindowSize` 128 MiB", []grpc.ServerOption{stream, conn}},
		{"both of these", []grpc.ServerOption{workers, stream, conn}},
	}
}

// unaryMethod describes a unary method to grpc-go.
func unaryMethod[Req any, PReq interface {
	*Req
	proto.Message
}, Res any](name string, do func(context.Context, PReq) (Res, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		req := PReq(new(Req))
		if err := decode(req); err != nil {
			return nil, err
		}
		return do(ctx, req)
	}}
}

// serveGRPCGo serves work with grpc-go until ctx is done. tuning is an index of grpcTunings.
func serveGRPCGo(ctx context.Context, listener net.Listener, do work, tuning int) error {
	srv := grpc.NewServer(append(grpcTunings()[tuning].options, grpc.MaxRecvMsgSize(maxMessage))...)
	stream := func(_ any, stream grpc.ServerStream) error { //nolint:contextcheck // the stream has its own
		return do.serveStream(stream.Context(), func() (*inference.ModelInferRequest, error) {
			req := new(inference.ModelInferRequest)
			return req, stream.RecvMsg(req)
		}, func(res *inference.ModelStreamInferResponse) error { return stream.SendMsg(res) }, func(*inference.ModelInferRequest) {})
	}
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: inferenceconnect.GRPCInferenceServiceName, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{unaryMethod("ModelInfer", do)},
		Streams: []grpc.StreamDesc{{StreamName: "ModelStreamInfer", ServerStreams: true, ClientStreams: true, Handler: stream}},
	}, struct{}{})
	srv.RegisterService(&grpc.ServiceDesc{
		ServiceName: modelservingconnect.PredictorName, HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{unaryMethod("FastPredict", countImage)},
	}, struct{}{})
	defer context.AfterFunc(ctx, srv.Stop)()
	return srv.Serve(listener)
}

// work is what a server does with a request, the same in grpc-go's and Tensorwire's.
type work func(context.Context, *inference.ModelInferRequest) (*inference.ModelInferResponse, error)

// serveStream answers each message of a stream. release runs after each.
func (do work) serveStream(ctx context.Context, receive func() (*inference.ModelInferRequest, error), send func(*inference.ModelStreamInferResponse) error, release func(*inference.ModelInferRequest)) error {
	for {
		req, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := do(ctx, req)
		if err != nil {
			return err
		}
		if err := send(&inference.ModelStreamInferResponse{InferResponse: res}); err != nil {
			return err
		}
		release(req)
	}
}

func countBytes(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	return respond(req, tensor.Int64, []int64{1}, binary.LittleEndian.AppendUint64(nil, uint64(len(payloadOf(req))))), nil
}

// countImage returns the length of the image as the shape.
func countImage(_ context.Context, req *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return &modelserving.InferenceResponse{Shape: []int64{int64(len(req.GetRawImage()))}}, nil
}

// respondWith returns size bytes, the same memory each time.
func respondWith(size int) work {
	memory := make([]byte, size)
	return func(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
		return respond(req, tensor.Uint8, []int64{int64(size)}, memory), nil
	}
}

func echo(_ context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	return respond(req, tensor.Uint8, []int64{int64(len(payloadOf(req)))}, payloadOf(req)), nil
}

// runModel runs a model of one input and one output as a server written by hand does: the
// message's bytes are the tensor's memory.
func runModel(session engine.Session) work {
	return func(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
		if len(req.GetInputs()) != 1 {
			return nil, fmt.Errorf("the request has %d inputs, the model has 1", len(req.GetInputs()))
		}
		datatype, err := tensor.ParseDataType(req.GetInputs()[0].GetDatatype())
		if err != nil {
			return nil, err
		}
		result, err := session.Run(ctx, []tensor.Tensor{{DataType: datatype, Shape: req.GetInputs()[0].GetShape(), Data: payloadOf(req)}})
		if err != nil {
			return nil, err
		}
		out := result.Outputs[0]
		return respond(req, out.DataType, out.Shape, out.Data), nil
	}
}

func payloadOf(req *inference.ModelInferRequest) []byte {
	if len(req.GetRawInputContents()) == 0 {
		return nil
	}
	return req.GetRawInputContents()[0]
}

func respond(req *inference.ModelInferRequest, datatype tensor.DataType, shape []int64, data []byte) *inference.ModelInferResponse {
	return &inference.ModelInferResponse{
		ModelName: req.GetModelName(), ModelVersion: "1", Id: req.GetId(),
		Outputs:           []*inference.ModelInferResponse_InferOutputTensor{{Name: "output", Datatype: datatype.String(), Shape: shape}},
		RawOutputContents: [][]byte{data},
	}
}
