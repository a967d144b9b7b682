package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/observe"
	"github.com/tensorwire/tensorwire/internal/repository"
	"github.com/tensorwire/tensorwire/internal/scheduler"
	"github.com/tensorwire/tensorwire/internal/server"
	"github.com/tensorwire/tensorwire/web"
)

// serve is the recipe of the server: it wires everything, binds, loads, serves, and
// when ctx is done takes it all down in the reverse order.
func serve(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	c, err := config.Parse(args, getenv, stdout)
	if err != nil {
		return err
	}
	log, _, err := newLogger(c, stderr)
	if err != nil {
		return fmt.Errorf("%w: %w", config.ErrUsage, err)
	}

	library, err := onnx.Find(c.OnnxRuntimeLib)
	if err != nil {
		return err
	}
	runtime, err := onnx.Open(library, onnx.Options{IntraOpThreads: c.IntraOpThreads})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runtime.Close()) }()
	log.Info("ONNX Runtime is loaded", "version", runtime.Version(), "library", library)

	models := repository.New(c.Models, runtime, repository.Options{
		DefaultModel: c.DefaultModel,
		Decorate: func(s engine.Session) engine.Session {
			return scheduler.New(s, scheduler.Options{Instances: c.Instances, MaxQueue: c.MaxQueue})
		},
		Compile: handler.Compile,
		Logger:  log,
	})
	if err := models.Scan(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, models.Close()) }()

	draining := make(chan struct{})
	predictor := handler.NewPredictor(models, handler.PredictorOptions{
		MaxImagePixels: c.MaxImagePixels,
		StreamWindow:   c.StreamWindow,
		Draining:       draining,
		Logger:         log,
	})
	readiness := &observe.Readiness{}
	srv, err := server.New(
		func(rpc *connect.Server) { modelservingconnect.RegisterPredictorHandler(rpc, predictor) },
		web.Handler(),
		readiness,
		server.Options{
			TLSCertFile:     c.TLSCert,
			TLSKeyFile:      c.TLSKey,
			CORSOrigins:     c.CORSOrigins,
			MaxMessageBytes: c.MaxMessageBytes,
			Logger:          log,
		})
	if err != nil {
		return err
	}
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()

	if err := models.Load(ctx); err == nil {
		readiness.Set(true)
		announce(stdout, c, listener.Addr(), models.Snapshot())
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping", "timeout", c.ShutdownTimeout)
	readiness.Set(false)
	select {
	case err := <-served:
		return err
	case <-time.After(c.ShutdownDelay):
	}
	close(draining)
	return shutdown(log, srv, served, c.ShutdownTimeout) //nolint:contextcheck // ctx is done: that is why the server stops
}

// newLogger returns the log, and the levels by which it can be changed while the server
// runs.
func newLogger(c *config.Config, out io.Writer) (*slog.Logger, *observe.LogLevels, error) {
	levels, err := observe.ParseLogLevels(c.LogLevel)
	if err != nil {
		return nil, nil, err
	}
	log, err := observe.NewLogger(out, levels, c.LogFormat)
	return log, levels, err
}

// listen binds before anything is served, so that a taken port is the first thing
// that is said.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program: stop it, or give another address with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", address, err)
	}
	return listener, nil
}

// shutdown lets what runs finish, for as long as timeout.
func shutdown(log *slog.Logger, srv *server.Server, served <-chan error, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("requests still ran after %v (--shutdown-timeout) and were cut off", timeout)
	}
	err = errors.Join(err, <-served)
	log.Info("stopped")
	return err
}
