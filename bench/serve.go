package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// serveCommand makes this program one of the servers that are measured.
const serveCommand = "serve"

// Kinds of servers.
const (
	kindGRPCGo     = "grpc-go"
	kindTensorwire = "tensorwire"
)

// serve serves until ctx is done, and prints its address when it is ready.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	kind := flags.String("kind", kindGRPCGo, "whose `server`: "+kindGRPCGo+" or "+kindTensorwire)
	tuning := flags.String("tuning", string(tuningRecommended), "`choice` of grpc-go's options")
	answer := flags.Int("answer", 0, "`bytes` of an answer; 0 answers with the request's length")
	echoes := flags.Bool("echo", false, "answer with the request's bytes")
	model := flags.String("model", "", "`file` of a model to run; none by default")
	library := flags.String("onnxruntime-lib", "", "`path` of ONNX Runtime's library, for -model")
	profile := flags.String("cpuprofile", "", "`file` for a CPU profile")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	do := work(countBytes)
	switch {
	case *model != "":
		run, closeModel, err := loadModel(ctx, *library, *model)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeModel()) }()
		do = run
	case *echoes:
		do = echo
	case *answer > 0:
		do = answerWith(*answer)
	}
	if *profile != "" {
		stop, err := startProfile(*profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	switch *kind {
	case kindGRPCGo:
		return serveGRPCGo(ctx, listener, do, grpcTuning(*tuning))
	case kindTensorwire:
		return serveTensorwire(ctx, listener, do)
	}
	return errors.Join(fmt.Errorf("%w: no kind of server %q", errUsage, *kind), listener.Close())
}

// loadModel loads a model as the product does: the same engine with the same options,
// behind the same scheduler.
func loadModel(ctx context.Context, library, file string) (_ work, closeModel func() error, _ error) {
	runtime, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		return nil, nil, err
	}
	session, err := runtime.Load(ctx, file, engine.LoadOptions{})
	if err != nil {
		return nil, nil, errors.Join(err, runtime.Close())
	}
	scheduled := scheduler.New(session, scheduler.Options{})
	return runModel(scheduled), func() error { return errors.Join(scheduled.Close(), runtime.Close()) }, nil
}

// startProfile profiles this process until stop.
func startProfile(file string) (stop func() error, _ error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
