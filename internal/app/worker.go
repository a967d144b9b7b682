package app

import (
	"errors"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/worker/child"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

var (
	// ErrWorkerProcess reports that a process which a server started as a worker runs a
	// server instead.
	ErrWorkerProcess = errors.New("this process was started as a worker of a server, and must not be a server: call tensorwire.RunWorker first thing in main, or set WorkerPath to the program tensorwire")
	// ErrNoWorkerProgram reports that there is no program for worker processes.
	ErrNoWorkerProgram = errors.New("this program has not called tensorwire.RunWorker, and WorkerPath is not set")
)

// becomesWorker is set when the program has called RunWorker, so that it can be started as
// a worker. It is a property of the program, and so of the process.
var becomesWorker atomic.Bool

// InWorkerProcess reports whether a server started this process as a worker.
func InWorkerProcess() bool { return child.Started() }

// RunWorker runs a worker, if a server started this process as one, and returns its exit
// code. In other processes it returns false, and servers can start this program as their
// workers.
func RunWorker() (exitCode int, ran bool) {
	if !child.Started() {
		becomesWorker.Store(true)
		return 0, false
	}
	return child.Main(openRuntime), true
}

// openRuntime opens the engines of a worker: those of openEngines.
func openRuntime(setup control.Setup) (child.Runtime, error) {
	runtime, err := onnx.Open(setup.Library, onnx.Options{
		IntraOpThreads: setup.IntraOpThreads, InterOpThreads: setup.InterOpThreads, ReuseOutputs: true,
	})
	if err != nil {
		return child.Runtime{}, err
	}
	registry := engine.NewRegistry(engine.Registration{Platform: engine.ONNXRuntime, Engine: runtime})
	return child.Runtime{Loader: registry, Version: runtime.Version()}, nil
}
