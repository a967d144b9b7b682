package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	httpserver "github.com/tensorwire/tensorwire/internal/transport/server"
)

// service serves work with the product's server.
type service struct {
	inferenceconnect.UnimplementedGRPCInferenceServiceHandler
	modelservingconnect.UnimplementedPredictorHandler
	do work
}

// ModelInfer implements inferenceconnect.GRPCInferenceServiceHandler.
func (s service) ModelInfer(ctx context.Context, req *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	return s.do(ctx, req)
}

// ModelStreamInfer implements inferenceconnect.GRPCInferenceServiceHandler.
func (s service) ModelStreamInfer(ctx context.Context, stream inferenceconnect.GRPCInferenceServiceModelStreamInferServerStream) error {
	return s.do.serveStream(ctx, stream.Receive, stream.Send, func(req *inference.ModelInferRequest) {
		rpcfast.Release(ctx, req)
		admission.Answered(ctx)
	})
}

// FastPredict implements modelservingconnect.PredictorHandler.
func (service) FastPredict(ctx context.Context, req *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return countImage(ctx, req)
}

// serveTensorwire serves work with the product's server, without models, until ctx is
// done. netHTTP2 selects net/http's HTTP/2.
func serveTensorwire(ctx context.Context, listener net.Listener, do work, netHTTP2 bool) error {
	memory := admission.New(4 << 30) // bounds the memory of requests, as in the product; no load here reaches it
	defer admission.TuneHeap(memory, os.Getenv)()
	register := func(procedures *connect.Server) {
		inferenceconnect.RegisterGRPCInferenceServiceHandler(procedures, service{do: do})
		modelservingconnect.RegisterPredictorHandler(procedures, service{})
	}
	lifecycle, options := &telemetry.Lifecycle{}, httpserver.Options{MaxMessageBytes: maxMessage, Budget: memory, NetHTTP2: netHTTP2}
	return serveProduct(ctx, listener, lifecycle, options, httpserver.RPC(options, register))
}

// serveFloor serves the product's server without RPC, codec and model, until ctx is done:
// it reads each body and returns the length. A round trip cannot cost less.
func serveFloor(ctx context.Context, listener net.Listener) error {
	count := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, n)
	})
	return serveProduct(ctx, listener, &telemetry.Lifecycle{}, httpserver.Options{}, []httpserver.Route{{Pattern: "/", Handler: count}})
}

// serveProduct runs the product's server with routes until ctx is done.
func serveProduct(ctx context.Context, listener net.Listener, lifecycle *telemetry.Lifecycle, options httpserver.Options, routes []httpserver.Route) error {
	const endpoint = "bench"
	srv, err := httpserver.New(lifecycle, options, httpserver.Endpoint{Name: endpoint, Routes: routes}) //nolint:contextcheck // connections have their own contexts
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(endpoint, listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	if err := srv.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) { // without a wait: ctx is done
		return err
	}
	return <-served
}
