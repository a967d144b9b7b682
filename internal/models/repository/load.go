package repository

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/reshape"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// errChanged reports that a model's files changed during a load.
var errChanged = errors.New("its files changed while they were read")

// load builds a version and verifies it: it is compiled, has answered its warmups, and its
// files are still those of d. The version is ready, but not yet in service. load recovers
// from a panic, which only fails this model.
func (r *Repository[S]) load(ctx context.Context, name string, src *source, d *directory, v versionDir) (_ *Version[S], err error) {
	var session engine.Session
	ended := r.observeLoad(ctx, name, v.number)
	defer func() { ended(err) }()
	defer func() {
		if cause := recover(); cause != nil {
			telemetry.LogPanic(ctx, r.options.Logger.With("model", name, "version", v.number), "load", cause)
			err = errors.New("the server failed on it; its log has the cause")
		}
		if err != nil && session != nil {
			err = errors.Join(err, session.Close())
		}
	}()
	if d.err != nil {
		return nil, d.err
	}
	if v.err != nil {
		return nil, v.err
	}
	options, err := modelconfig.EngineOptions(d.settings.config)
	if err != nil {
		return nil, err
	}
	loaded := &Version[S]{Model: name, Number: v.number, State: Ready, Statistics: &telemetry.Statistics{}, key: d.key(v)}
	versionDir := filepath.Join(src.dir, strconv.FormatInt(v.number, 10))
	if err := loaded.readFiles(src.root.tree, versionDir, src.dir); err != nil {
		return nil, err
	}
	path := filepath.Join(src.root.Name(), versionDir)
	if err := checkReadable(src.root.tree, filepath.Join(versionDir, v.model)); err != nil {
		return nil, err
	}
	bare, err := r.engines.Load(ctx, d.settings.platform.Name, filepath.Join(path, v.model), options)
	if err != nil {
		return nil, withoutPath(err, path)
	}
	session = bare // to be closed where the load fails
	changes, err := modelconfig.Reshapes(d.settings.config, bare.Signature())
	if err != nil {
		return nil, err
	}
	bare = reshape.Wrap(bare, changes)
	session, loaded.Signature = bare, bare.Signature()
	if err := checkNames(loaded.Signature); err != nil {
		return nil, err
	}
	for _, warning := range boundWarnings(loaded.Signature.Warnings) {
		r.options.Logger.Warn("a part of the model is not served", "model", name, "version", v.number, "warning", warning)
	}
	if loaded.Config, err = modelconfig.Complete(d.settings.config, name, d.settings.platform, loaded.Signature); err != nil {
		return nil, err
	}
	if r.options.Decorate != nil {
		session = r.options.Decorate(session, loaded)
	}
	if err := r.verify(ctx, loaded, bare, session, src); err != nil {
		return nil, err
	}
	if r.examine(src.root.tree, src.dir, d.settings).keyOf(v.number) != d.key(v) {
		return nil, errChanged
	}
	if ctx.Err() != nil { // nobody needs it any more
		return nil, context.Cause(ctx)
	}
	for _, warning := range boundWarnings(loaded.warnings) {
		r.options.Logger.Warn("model files", "model", name, "version", v.number, "warning", warning)
	}
	loaded.warnings = boundWarnings(slices.Concat(d.settings.warnings, loaded.Signature.Warnings, loaded.warnings))
	loaded.instance = r.open(bare, session, src.scratch)
	return loaded, nil
}

// checkNames reports a tensor whose name no protocol could carry.
func checkNames(signature *engine.Signature) error {
	for _, spec := range slices.Concat(signature.Inputs, signature.Outputs) {
		if !utf8.ValidString(spec.Name) {
			return fmt.Errorf("the model has a tensor of the name %q, which is not UTF-8", spec.Name)
		}
	}
	return nil
}

// verify completes a version from its files, compiles it and runs its warmups. Those use
// the engine's own session, because they are not requests: none is refused, answered from
// a cache or counted. The first one is the probe of the decorated session.
func (r *Repository[S]) verify(ctx context.Context, v *Version[S], bare, session engine.Session, src *source) (err error) {
	if err := v.readOutputLabels(src.root.tree, src.dir, v.Config.GetOutput()); err != nil {
		return err
	}
	switch {
	case r.options.Compile != nil:
		if v.Serving, err = r.options.Compile(v); err != nil {
			return err
		}
	case len(v.Signature.Outputs) > 0:
		v.ChooseLabels(v.Signature.Outputs[0].Name)
	}
	v.ImageFiles, v.offered = nil, nil // they may have megabytes, and are not needed any more
	warmups, err := modelconfig.Warmups(v.Config, v.Signature, func(name string) ([]byte, error) {
		return readFile(src.root.tree, filepath.Join(src.dir, name), maxWarmupFile)
	})
	if err != nil {
		return err
	}
	for _, warmup := range warmups {
		for range warmup.Count {
			if _, err := bare.Run(ctx, warmup.Inputs); err != nil {
				return fmt.Errorf("warmup %q: %w", warmup.Name, err)
			}
		}
	}
	if len(warmups) > 0 {
		engine.SetProbe(session, warmups[0].Inputs)
	}
	return nil
}

// keyOf returns the key of the version of that number; the zero key when it has no
// directory.
func (d *directory) keyOf(number int64) fingerprint {
	for _, v := range d.versions {
		if v.number == number {
			return d.key(v)
		}
	}
	return fingerprint{}
}

// open returns an instance of a session around the engine's, which counts as open until it
// has been closed.
func (r *Repository[S]) open(bare, session engine.Session, from *scratch) *instance {
	i := &instance{bare: bare, session: session, closed: make(chan struct{})}
	i.refs.Store(1)
	r.sessions.Add(1)
	from.retain()
	i.close = func() {
		defer r.sessions.Done()
		err := errors.Join(i.closeSession(), from.release())
		r.mu.Lock()
		r.closeErr = errors.Join(r.closeErr, err)
		r.mu.Unlock()
		if i.after != nil {
			i.after()
		}
		close(i.closed)
	}
	return i
}
