package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// maxAbandoned bounds the loads that were abandoned and have not ended. Each may occupy a
// thread and the memory of a model.
const maxAbandoned = 8

// errAbandonedLoads reports that no load starts because of maxAbandoned.
var errAbandonedLoads = errors.New("too many abandoned loads are still inside the engine")

// AbandonedLoads returns the number of loads that were abandoned and are still inside the
// engine, or wait for the file system: they exceeded their time limit, or their model was
// unloaded meanwhile.
func (r *Repository[S]) AbandonedLoads() int { return int(r.abandoned.Load()) }

// task is a part of a load that may not end.
type task[T any] struct {
	// start calls a function in another goroutine.
	start func(func())
	// log receives the end of a task that was abandoned.
	log *slog.Logger
	run func() T
	// discard releases the result of a task that was abandoned.
	discard func(T)
}

// within runs a task of an operation. It returns the cause of ctx when that ends first: the
// task is then abandoned. While the task is slow, the operation may give its slot up: see
// slowness.
func within[S, T any](ctx context.Context, o *operation[S], t task[T]) (result T, _ error) {
	if n := o.AbandonedLoads(); n >= maxAbandoned {
		return result, fmt.Errorf("%w (%d): restart the server if they do not end", errAbandonedLoads, n)
	}
	done, abandoned := make(chan T), make(chan struct{})
	t.start(func() {
		start := time.Now()
		result := t.run()
		select {
		case done <- result:
		case <-abandoned:
			t.discard(result)
			o.abandoned.Add(-1)
			t.log.Info("an abandoned load has ended", "took", time.Since(start).Round(time.Millisecond))
		}
	})
	slowness := o.watch()
	defer slowness.stop()
	for {
		select {
		case result := <-done:
			return result, nil
		case <-ctx.Done():
			o.abandoned.Add(1)
			close(abandoned)
			return result, context.Cause(ctx)
		case <-slowness.after:
			slowness.passed()
		case slowness.place <- struct{}{}:
			slowness.leave()
		}
	}
}

// reading is a model's directory with its source.
type reading struct {
	src *source
	d   *directory
	err error
}

// read opens the source of a model's files and reads its directory, within the time limit of
// a load. The caller releases the source. Its error is that of open, the cause of ctx, or an
// errDirectory at the end of the limit.
//
// A file system that does not answer blocks neither the operation nor Close.
func (o *operation[S]) read(ctx context.Context, open func() (*source, error)) (*source, *directory, error) {
	limit, cancel := o.withLoadTimeout(ctx, nil)
	defer cancel()
	known := o.settings
	found, err := within(limit, o, task[reading]{
		start: func(run func()) { go run() },
		log:   o.options.Logger.With("model", o.name),
		run: func() reading {
			if o.options.beforeRead != nil {
				o.options.beforeRead()
			}
			src, err := open()
			if err != nil {
				return reading{err: err}
			}
			if src.settings != nil {
				known = src.settings
			}
			return reading{src: src, d: o.examine(src.root.tree, src.dir, known)}
		},
		discard: func(late reading) {
			if late.src != nil {
				o.releaseSource(o.name, late.src)
			}
		},
	})
	switch {
	case err == nil:
		err = found.err
	case ctx.Err() == nil && limit.Err() != nil:
		err = fmt.Errorf("%w: %w", errDirectory, err)
	}
	return found.src, found.d, err
}
