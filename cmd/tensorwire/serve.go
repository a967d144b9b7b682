package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/web"
)

// serve is the recipe of the server: it wires everything, binds, loads, serves, and
// when ctx is done takes it all down in the reverse order.
func serve(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) (err error) {
	c, err := config.Parse(args, getenv, stdout)
	if err != nil {
		return err
	}
	log, levels, err := newLogger(c, stderr)
	if err != nil {
		return fmt.Errorf("%w: %w", config.ErrUsage, err)
	}

	memory := admission.New(int64(c.MemoryBudget))
	defer admission.TuneHeap(memory, getenv)()

	library, err := onnx.Find(c.OnnxRuntimeLib)
	if err != nil {
		return err
	}
	ort, err := onnx.Open(library, onnx.Options{IntraOpThreads: c.IntraOpThreads, ReuseOutputs: true})
	if err != nil {
		return err
	}
	log.Info("ONNX Runtime is loaded", "version", ort.Version(), "library", library)

	cache := respcache.New(c.ResponseCacheBytes)
	models := repository.New(c.Models, ort, repository.Options{
		Control:       c.ModelControl,
		PollInterval:  c.PollInterval,
		StartupModels: c.LoadModels,
		DefaultModel:  c.DefaultModel,
		Decorate:      schedule(c, cache),
		Compile:       handler.Compile,
		Logger:        log,
	})
	var following sync.WaitGroup // what loads models
	defer func() { err = errors.Join(err, letGo(&following, models, ort, c.ShutdownTimeout)) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := models.Scan(); err != nil {
		return err
	}
	regions := sharedMemory(c)
	defer func() { err = errors.Join(err, regions.Close()) }()

	state := &telemetry.Lifecycle{}
	register, rest := services(c, models, regions, state, levels, log)
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	srv, err := newServer(c, listener, state, memory, log, register, []server.Route{ //nolint:contextcheck // connections have contexts of their own
		{Prefix: "/v2", Handler: rest},
		{Pattern: "GET /metrics", Handler: serverMetrics(models, cache, memory), Quiet: true},
		{Pattern: "/", Handler: web.Handler(), Quiet: true},
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve() }()

	loaded := make(chan struct{})
	following.Go(func() {
		if models.Load(ctx) == nil {
			close(loaded)
			models.Poll(ctx)
		}
	})
	for ctx.Err() == nil {
		select {
		case err := <-served:
			return err
		case <-loaded:
			state.SetReady(true)
			announce(stdout, c, listener.Addr(), models.Snapshot())
			loaded = nil
		case <-ctx.Done():
		}
	}
	log.Info("stopping", "timeout", c.ShutdownTimeout)
	state.SetReady(false)
	select {
	case err := <-served:
		return err
	case <-time.After(c.ShutdownDelay):
	}
	return shutdown(log, srv, served, c.ShutdownTimeout) //nolint:contextcheck // ctx is done: that is why the server stops
}

// newServer returns the server of the one endpoint: the RPCs that register adds, the probes, and
// further routes. Its Shutdown drains state.
func newServer(c *config.Config, listener net.Listener, state *telemetry.Lifecycle, memory *admission.Budget, log *slog.Logger, register func(*connect.Server), routes []server.Route) (*server.Server, error) {
	options := server.Options{
		CORSOrigins:     c.CORSOrigins,
		MaxMessageBytes: c.MaxMessageBytes,
		NetHTTP2:        c.NetHTTP2,
		Budget:          memory,
		Logger:          log,
	}
	secure, err := server.LoadTLS(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, err
	}
	return server.New(state, options, server.Endpoint{
		Name:     "api",
		Listener: listener,
		TLS:      secure,
		Routes:   slices.Concat(server.RPC(state, options, register), server.Probes(state), routes),
	})
}

// letGo waits for what loads models, closes them, and then the engine that runs them. A
// call into the engine cannot be interrupted: where one does not come back within most,
// all are left to the end of the process.
func letGo(following *sync.WaitGroup, models, runtime io.Closer, most time.Duration) error {
	closed := make(chan error, 1)
	go func() {
		following.Wait()
		closed <- models.Close()
	}()
	select {
	case err := <-closed:
		return errors.Join(err, runtime.Close())
	case <-time.After(most):
		return fmt.Errorf("a model has not come back from its load or a call for %v after the last answer (--shutdown-timeout): it is not waited for any longer", most)
	}
}

// newLogger returns the log, and the levels by which it can be changed while the server
// runs.
func newLogger(c *config.Config, out io.Writer) (*slog.Logger, *telemetry.LogLevels, error) {
	levels, err := telemetry.ParseLogLevels(c.LogLevel)
	if err != nil {
		return nil, nil, err
	}
	log, err := telemetry.NewLogger(out, levels, c.LogFormat)
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
