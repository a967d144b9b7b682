package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/load"
)

const (
	// serveCommand makes this program a server of a kind.
	serveCommand   = "serve"
	kindGRPCGo     = "grpc-go"
	kindTensorwire = "tensorwire" // the product's server, without models
	kindNetHTTP    = "net/http"   // the same on net/http's HTTP/2
	kindFloor      = "floor"      // the product's HTTP server alone
	// engineCommand makes it ONNX Runtime alone: it runs a model in a closed loop and
	// prints a load.Sample with its own CPU time.
	engineCommand = "engine"
)

// serve serves until ctx is done, and prints its address when it is ready.
func serve(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	kind := flags.String("kind", kindGRPCGo, "`kind` of server")
	tuning := flags.Int("tuning", 0, "`index` of a set of grpc-go's options")
	size := flags.Int("respond", 0, "`bytes` of a response; 0: the request's length")
	echoes := flags.Bool("echo", false, "return the request's bytes")
	model := flags.String("model", "", "`file` of a model to run; empty: none")
	library := flags.String("onnxruntime-lib", "", "`path` of ONNX Runtime's library")
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	do := work(countBytes)
	switch {
	case *model != "":
		session, closeRuntime, err := loadModel(ctx, *library, *model)
		if err != nil {
			return err
		}
		defer func() { _ = errors.Join(session.Close(), closeRuntime()) }() // the process ends
		do = runModel(session)
	case *echoes:
		do = echo
	case *size > 0:
		do = respondWith(*size)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "http://%s\n", listener.Addr())
	switch *kind {
	case kindGRPCGo:
		return serveGRPCGo(ctx, listener, do, *tuning)
	case kindTensorwire, kindNetHTTP:
		return serveTensorwire(ctx, listener, do, *kind == kindNetHTTP)
	case kindFloor:
		return serveFloor(ctx, listener)
	}
	return errors.Join(fmt.Errorf("%w: -kind is %q, which is not a kind of server", errUsage, *kind), listener.Close())
}

// loadModel loads a model file in ONNX Runtime with the server's options. The caller
// closes the session, and then the runtime with closeRuntime.
func loadModel(ctx context.Context, library, file string) (_ engine.Session, closeRuntime func() error, _ error) {
	runtime, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		return nil, nil, err
	}
	session, err := runtime.Load(ctx, file, engine.LoadOptions{})
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("load %s: %w", file, err), runtime.Close())
	}
	return session, runtime.Close, nil
}

// engineTask is the argument of the engine command, in JSON.
type engineTask struct {
	Library, File string // the model has one input of float32
	Callers       int
	Time          time.Duration
}

func engineAlone(ctx context.Context, args []string, stdout, _ io.Writer) (err error) {
	var task engineTask
	if err := json.Unmarshal([]byte(strings.Join(args, " ")), &task); err != nil {
		return errors.Join(errUsage, err)
	}
	session, closeRuntime, err := loadModel(ctx, task.Library, task.File)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close(), closeRuntime()) }()
	inputs, next := engineInputs(session), make([]int, task.Callers)
	for caller := range next {
		next[caller] = caller * len(inputs) / task.Callers
	}
	do := func(ctx context.Context, caller int) error {
		next[caller]++
		_, err := session.Run(ctx, inputs[next[caller]%len(inputs)])
		return err
	}
	loop := load.Closed{Callers: task.Callers, Duration: min(warmup, task.Time), Server: self()}
	if _, err := loop.Run(ctx, do); err != nil {
		return err
	}
	loop.Duration = task.Time
	sample, err := loop.Run(ctx, do)
	return errors.Join(err, json.NewEncoder(stdout).Encode(sample))
}

// engineInputs returns inputs of one batch item. Together those of an image exceed a
// core's own caches: a server's inputs come from elsewhere as well.
func engineInputs(session engine.Session) [][]tensor.Tensor {
	shape, elements := tensor.Shape{}, int64(1)
	for _, dim := range session.Signature().Inputs[0].Shape {
		shape = append(shape, max(dim, 1))
		elements *= max(dim, 1)
	}
	random := rand.New(rand.NewPCG(7, 8))
	inputs := make([][]tensor.Tensor, 16)
	for i := range inputs {
		values := make([]float32, elements)
		for v := range values {
			values[v] = float32(random.NormFloat64())
		}
		inputs[i] = []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: tensor.AsBytes(values)}}
	}
	return inputs
}

// measureEngine returns the measure function of ONNX Runtime alone with a model.
func (b *bench) measureEngine(file string) func(context.Context, load.Closed) (load.Sample, error) {
	return func(ctx context.Context, loop load.Closed) (s load.Sample, err error) {
		task, _ := json.Marshal(engineTask{b.library, file, loop.Callers, loop.Duration}) // always valid
		cmd := exec.CommandContext(ctx, b.program, engineCommand, string(task))
		cmd.Stderr = b.stderr
		out, err := cmd.Output()
		if err != nil {
			return s, fmt.Errorf("ONNX Runtime alone: %w", err)
		}
		err = json.Unmarshal(out, &s)
		return s, err
	}
}
