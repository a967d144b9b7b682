// Command conformance is the server under test of connectconformance: Connect's conformance
// service, served directly by the product's constructor, [server.New]. `make conformance`
// runs it.
//
// The runner starts a process for each server configuration. It writes a
// ServerCompatRequest with the configuration to standard input, reads a
// ServerCompatResponse with the address from standard output, and stops the process with
// SIGTERM. Both messages have a length prefix of four bytes, big-endian
// (docs/testing_servers.md in connectrpc.com/conformance).
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	conformance "github.com/tensorwire/tensorwire/internal/test/conformance/gen/connectrpc/conformance/v1"
	"github.com/tensorwire/tensorwire/internal/test/conformance/gen/connectrpc/conformance/v1/conformancev1connect"
	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// shutdownTimeout bounds the drain of calls when the server stops.
const shutdownTimeout = 3 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // the process exits, so stop is not needed
	}
}

// run serves the configuration on stdin until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.SetOutput(stderr)
	netHTTP2 := flags.Bool("net-http2", false, "serve HTTP/2 by net/http's server, for comparison")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var request conformance.ServerCompatRequest
	if err := readMessage(stdin, &request); err != nil {
		return fmt.Errorf("the runner's request: %w", err)
	}
	options := server.Options{
		MaxMessageBytes: int64(request.GetMessageReceiveLimit()),
		NetHTTP2:        *netHTTP2,
		Logger:          slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	var secure *tls.Config
	if request.GetUseTls() {
		dir, err := os.MkdirTemp("", "tensorwire-conformance")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // in the system's temporary directory
		certificate, key, err := writeCredentials(dir, request.GetServerCreds())
		if err != nil {
			return err
		}
		store, err := certs.Open(certs.Options{CertFile: certificate, KeyFile: key})
		if err != nil {
			return err
		}
		secure = store.Config()
	}
	return serve(ctx, options, secure, request.GetServerCreds().GetCert(), stdout)
}

// writeCredentials writes the runner's certificate and key to files, because the product
// reads them from files.
func writeCredentials(dir string, credentials *conformance.TLSCreds) (certificate, key string, err error) {
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	return certificate, key, errors.Join(
		os.WriteFile(certificate, credentials.GetCert(), 0o600),
		os.WriteFile(key, credentials.GetKey(), 0o600),
	)
}

// serve serves on a free port, writes the address to stdout, and stops when ctx ends.
func serve(ctx context.Context, options server.Options, secure *tls.Config, certificate []byte, stdout io.Writer) error {
	register := func(procedures *connect.Server) {
		conformancev1connect.RegisterConformanceServiceHandler(procedures, &service{})
	}
	lifecycle := &telemetry.Lifecycle{}
	//nolint:contextcheck // a connection ends by Shutdown, not by the context of the start
	tested, err := server.New(lifecycle, options, server.Endpoint{Name: "conformance", Routes: server.RPC(options, register)})
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		if secure != nil {
			served <- tested.ServeTLS("conformance", listener, secure)
			return
		}
		served <- tested.Serve("conformance", listener)
	}()
	address := listener.Addr().(*net.TCPAddr)
	if err := writeMessage(stdout, &conformance.ServerCompatResponse{
		Host: address.IP.String(), Port: uint32(address.Port), PemCert: certificate,
	}); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := tested.Shutdown(ending); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil // the runner's clients leave calls and connections open
}
