package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Scan finds the models below the directory and lists those that Load will load as
// loading. It returns an error when the directory cannot be read, or does not have the
// default model or one of StartupModels. An error for a setting is a [setting.Error].
func (r *Repository[S]) Scan() error {
	removeStaleScratch(r.options.Logger)
	root, names, err := r.openModels()
	if errors.Is(err, fs.ErrNotExist) {
		return setting.Errorf("%w: the models directory %s does not exist: make %s, or set %s to another", ErrNotFound, r.dir, r.expected("1"), setting.Models)
	}
	if err != nil {
		return fmt.Errorf("read the models directory: %w", err)
	}
	defer func() { _ = root.release() }() // it was only read
	if len(names) == 0 {
		r.options.Logger.Warn("the repository has no models", "dir", r.dir, "expected", r.expected("<version>"))
	}
	if name := r.options.DefaultModel; name != "" && !slices.Contains(names, name) {
		return setting.Errorf("%w: %s is %q, which is not in %s: give the name of a model there", ErrNotFound, setting.DefaultModel, name, r.dir)
	}
	for _, name := range r.options.StartupModels {
		if name != allModels && !slices.Contains(names, name) {
			return setting.Errorf("%w: %s has %q, which is not in %s: give names of models there", ErrNotFound, setting.LoadModel, name, r.dir)
		}
	}
	for _, name := range names {
		if !r.atStart(name) {
			r.update(name, func(*Model[S]) *Model[S] { return &Model[S]{Name: name} })
			continue
		}
		d := r.examine(root.tree, name, nil)
		r.list(name, r.selected(name, d), r.selected(name, d), d)
	}
	logSkipped(r.options.Logger, r.Snapshot())
	return nil
}

// Load loads the models that Scan listed as loading, Options.LoadConcurrency at once, and
// lists each version as ready or unavailable as soon as that is known. It returns when each
// was loaded, or has failed. A model that cannot be loaded is not an error here; only the
// end of ctx is. A load whose failure may be transient is retried in the background.
//
// Under ControlPoll, Load waits SettleTime for a model whose files are being written, and
// leaves it to Poll when they still change.
func (r *Repository[S]) Load(ctx context.Context) error {
	var loads sync.WaitGroup
	models := r.Snapshot().Models
	errs := make([]error, len(models))
	for i, m := range models {
		if r.atStart(m.Name) {
			loads.Go(func() { errs[i] = r.loadAtStart(ctx, m.Name) })
		}
	}
	loads.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return nil
}

// loadAtStart loads a model that Scan found.
func (r *Repository[S]) loadAtStart(ctx context.Context, name string) error {
	o, err := r.begin(ctx, name)
	if err != nil {
		return err
	}
	defer o.end()
	ctx, cancel := o.context(ctx)
	defer cancel()
	// The slot bounds the models whose files are read at once, too.
	if err := o.acquireSlot(ctx); err != nil {
		return err
	}
	src, d, err := o.read(ctx, o.openOwn)
	if err == nil {
		defer r.releaseSource(name, src)
		if r.options.Control == ControlPoll && fresh(d.newest, r.options.SettleTime) {
			d, err = o.settle(ctx, d)
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		o.unreadable(err)
		return nil
	case d == nil:
		return nil // left to Poll
	}
	o.settings, o.wanted = d.settings, true
	_, err = o.reconcile(ctx, src, d, false)
	return err
}

// openOwn opens the source of the model's own files.
func (o *operation[S]) openOwn() (*source, error) {
	root, err := openRoot(o.dir, o.options.FollowLinks)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDirectory, cause(err))
	}
	return &source{root: root, dir: o.name}, nil
}

// settle waits until the model's files have not changed for SettleTime, and returns their
// state; nil when they still change. Its errors are those of read.
func (o *operation[S]) settle(ctx context.Context, before *directory) (settled *directory, _ error) {
	o.releaseSlot()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-time.After(o.options.SettleTime - time.Since(before.newest)):
	}
	if err := o.acquireSlot(ctx); err != nil {
		return nil, err
	}
	src, d, err := o.read(ctx, o.openOwn)
	if err != nil {
		return nil, err
	}
	defer o.releaseSource(o.name, src)
	if d.all != before.all {
		o.options.Logger.Info("model is still being written", "model", o.name)
		return nil, nil
	}
	return d, nil
}

// unreadable lists the versions that Scan found as unavailable, since the models directory
// cannot be read any more, and schedules a retry.
func (o *operation[S]) unreadable(err error) {
	o.tracked, o.wanted, o.attempts = true, true, make(map[int64]attempt)
	o.options.Logger.Error("model is unavailable", "model", o.name, "reason", err)
	if m := o.Snapshot().model(o.name); m != nil {
		for _, v := range m.Versions {
			o.fail(o.name, v.Number, o.failed(v.Number, fingerprint{}, err, true))
		}
	}
	o.scheduleRetry()
}
