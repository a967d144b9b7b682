package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/h2"
	"github.com/tensorwire/tensorwire/internal/rpc"
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
		rpc.Release(ctx, req)
	}
}

// serveTensorwire serves work by Tensorwire's own server until ctx is done.
func serveTensorwire(ctx context.Context, listener net.Listener, do work) error {
	procedures := connect.NewServer()
	inferenceconnect.RegisterGRPCInferenceServiceHandler(procedures, service{do: do})
	mux := http.NewServeMux()
	rpc.Mount(mux, procedures, rpc.Options{MaxMessageBytes: mostMessage})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	h2.Configure(srv, h2.Options{}) //nolint:contextcheck // a connection's context is the server's
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err := srv.Close()
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
