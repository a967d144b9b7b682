package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// openWorkers returns the engine that runs models in worker processes, and the isolation in
// effect. The engine is nil where models run in this process: by setting, or by default on a
// system or in a program that has no workers.
func (s *Server) openWorkers(o Options, library string) (*worker.Engine, string, error) {
	c := s.config
	if c.Isolation == config.IsolationOff {
		return nil, config.IsolationOff, nil
	}
	options, err := workerOptions(c, o.WorkerPath, s.log, library)
	var version string
	if err == nil {
		version, err = probe(s.loadCtx, options)
	}
	unsupported := errors.Is(err, ErrNoWorkerProgram) || errors.Is(err, channel.ErrNotSupported)
	switch {
	case unsupported && c.Isolation == config.IsolationAuto:
		s.log.Warn("models run in the server's process: native code that fails ends the server", "reason", err)
		return nil, config.IsolationOff, nil
	case unsupported:
		return nil, "", setting.Errorf("%s is %s: %w", setting.Isolation, c.Isolation, err)
	case err != nil:
		return nil, "", fmt.Errorf("start a worker process: %w", err)
	}
	if err := c.CheckWorkerMemory(); err != nil {
		s.log.Warn("the memory limits do not fit", "reason", err)
	}
	isolation, effective := worker.ByVersion, config.IsolationVersion
	if c.Isolation == config.IsolationShared {
		isolation, effective = worker.Shared, config.IsolationShared
	}
	return worker.New(startWorkers(options, c), engine.ONNXRuntime.Name, version, worker.Options{
		Isolation: isolation, Root: c.Models, RunTimeout: c.RunTimeout,
		MaxOutputBytes: int64(c.MaxOutputBytes), Spares: c.WorkerSpares, Totals: workerTotals(c), Logger: s.log,
	}), effective, nil
}

// probe starts a worker, to report at once why none can run, and returns the version of its
// runtime.
func probe(ctx context.Context, options process.Options) (string, error) {
	options.Logger = slog.New(slog.DiscardHandler) // errors say what its output did
	p, err := process.Start(ctx, options)
	if err != nil {
		return "", err
	}
	p.Stop(ctx)
	return p.Info().Runtime, nil
}

// maxRuns bounds the concurrent runs in one worker. One that is not used costs nothing.
const maxRuns = 256

// workerOptions returns what all workers of a server have in common. Without a program for
// them it is an ErrNoWorkerProgram.
func workerOptions(c *config.Config, path string, log *slog.Logger, library string) (process.Options, error) {
	if path == "" && !becomesWorker.Load() {
		return process.Options{}, ErrNoWorkerProgram
	}
	return process.Options{
		Path: path, Library: library, Slots: maxRuns,
		IntraOpThreads: c.IntraOpThreads, MemoryLimit: int64(c.WorkerMemory), Logger: log,
		Channel: channel.Options{MaxSharedBytes: int64(c.WorkerMemory), LendBytes: lendBytes(c), Inputs: inputs()},
	}, nil
}

// inputs returns the memory of requests that workers read without a copy. It is the
// process's, as the pools of buffers are.
var inputs = sync.OnceValue(func() *channel.Inputs {
	in := channel.NewInputs()
	bufpool.ShareMessages(in)
	return in
})

// lendBytes bounds the outputs of one worker that are read where it wrote them. They count
// towards the memory budget of requests, which bounds those of all workers.
func lendBytes(c *config.Config) int64 {
	return cmp.Or(int64(c.MemoryBudget), math.MaxInt64) // 0 is no limit
}

// startWorkers returns the function that starts workers. Each can read the directory of its
// model, or of all, and files that links in it lead to.
func startWorkers(options process.Options, c *config.Config) worker.Start {
	return func(ctx context.Context, spec worker.Spec) (worker.Process, error) {
		options, dir, root := options, spec.Dir, c.Models
		if dir == "" {
			dir = root
		}
		if below, err := filepath.Rel(root, dir); err != nil || !filepath.IsLocal(below) {
			root = dir // of a model that came with a request: it has no links
		}
		var err error
		if options.ReadPaths, err = process.Readable(dir, root, c.FollowLinks == repository.LinksAll); err != nil {
			return nil, fmt.Errorf("find the files of %s: %w", spec.Name, err)
		}
		if limit := spec.MemoryLimit; limit > 0 {
			options.MemoryLimit, options.Channel.MaxSharedBytes = limit, limit
		}
		options.Share = spec.Share
		options.Logger = options.Logger.With("worker", spec.Name)
		p, err := process.Start(ctx, options)
		if err != nil {
			return nil, err // not a nil *Process in the interface
		}
		return p, nil
	}
}
