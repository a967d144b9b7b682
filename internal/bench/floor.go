package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// floorCommand makes this program the server that the round trips are compared
// with.
const floorCommand = "floor"

// serveFloor serves Tensorwire's own HTTP server, with its limits and HTTP/2
// settings, without RPC, codec and model: it reads a body to its end and answers
// with its length. What a call costs above that is the server's own doing.
func serveFloor(ctx context.Context, stdout io.Writer) error {
	return servePage(ctx, stdout, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintln(w, n)
	}))
}

// servePage serves a page at / by Tensorwire's own HTTP server, and says where on
// stdout, until ctx is done.
func servePage(ctx context.Context, stdout io.Writer, page http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	//nolint:contextcheck // connections have contexts of their own
	srv, err := server.New(&telemetry.Lifecycle{}, server.Options{}, server.Endpoint{Name: "floor", Routes: []server.Route{{Pattern: "/", Handler: page}}})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve("floor", listener) }()
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	// The context of the caller is done: that is why the server stops.
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), process.StopTimeout/2)
	defer cancel()
	return errors.Join(srv.Shutdown(stopping), <-served)
}
