package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// service is work as Tensorwire's server takes it.
type service struct {
	inferenceconnect.UnimplementedGRPCInferenceServiceHandler
	do work
}

// ModelInfer implements inferenceconnect.GRPCInferenceServiceHandler.
func (s service) ModelInfer(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	return s.do(ctx, req)
}

// ModelStreamInfer implements inferenceconnect.GRPCInferenceServiceHandler.
func (s service) ModelStreamInfer(ctx context.Context, stream inferenceconnect.GRPCInferenceServiceModelStreamInferServerStream) error {
	for {
		req, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := s.do(ctx, req)
		if err != nil {
			return err
		}
		if err := stream.Send(&inference.ModelStreamInferResponse{InferResponse: res}); err != nil {
			return err
		}
		rpcfast.Release(ctx, req)
		admission.Answered(ctx)
	}
}

// lengths is a service with FastPredict alone, which answers with the length of what it
// was sent.
type lengths struct {
	modelservingconnect.UnimplementedPredictorHandler
}

// FastPredict implements modelservingconnect.PredictorHandler.
func (lengths) FastPredict(_ context.Context, req *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return lengthOf(req), nil
}

// memoryBudget bounds what requests' messages take, as the product does with half of the
// memory by default. No load of the sections reaches it.
const memoryBudget = 4 << 30

// serveTensorwire serves work by the product's own server until ctx is done: all of it
// but the models.
func serveTensorwire(ctx context.Context, listener net.Listener, do work) error {
	memory := admission.New(memoryBudget)
	defer admission.TuneHeap(memory, os.Getenv)()
	register := func(procedures *connect.Server) {
		inferenceconnect.RegisterGRPCInferenceServiceHandler(procedures, service{do: do})
		modelservingconnect.RegisterPredictorHandler(procedures, lengths{})
	}
	lifecycle, options := &telemetry.Lifecycle{}, server.Options{MaxMessageBytes: mostMessage, Budget: memory}
	//nolint:contextcheck // connections have contexts of their own
	srv, err := server.New(lifecycle, options, server.Endpoint{Name: "bench", Routes: server.RPC(lifecycle, options, register)})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve("bench", listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// Connections of measurements that were broken off are not waited for.
	ended, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cancel()
	if err := srv.Shutdown(ended); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return <-served
}
