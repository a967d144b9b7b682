package repository

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Control says when models are loaded and unloaded.
type Control uint8

const (
	// ControlNone loads the models that exist at the start.
	ControlNone Control = iota
	// ControlPoll follows the changes of the directory: see Repository.Poll.
	ControlPoll
	// ControlExplicit loads Options.StartupModels at the start, and others by request: see
	// Repository.LoadModel.
	ControlExplicit
)

// allModels means all models in StartupModels.
const allModels = "*"

var controlNames = [...]string{ControlNone: "none", ControlPoll: "poll", ControlExplicit: "explicit"}

func (c Control) String() string { return controlNames[c] }

// MarshalText implements encoding.TextMarshaler.
func (c Control) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it accepts none, poll and explicit.
func (c *Control) UnmarshalText(text []byte) error {
	i := slices.Index(controlNames[:], string(text))
	if i < 0 {
		return errors.New("use none, poll or explicit")
	}
	*c = Control(i)
	return nil
}

// atStart reports whether a model is loaded at the start.
func (r *Repository[S]) atStart(name string) bool {
	start := r.options.StartupModels
	return r.options.Control != ControlExplicit || slices.Contains(start, name) || slices.Contains(start, allModels)
}

// LoadModel loads a model, or loads again the versions of it that have changed, and waits
// until that is done. It needs ControlExplicit. With an override, the model's files come
// from that; the next load without one uses the directory. A version in service keeps
// serving until its replacement is ready, and also when that cannot be loaded.
//
// An error is an ErrControl, an ErrName, or an ErrLoad with the reasons of the versions
// that could not be loaded; the others are loaded. It is also an ErrNotFound when the
// repository has no such model, and an ErrOverride when the override is malformed. It is
// an ErrUnavailable when the repository is closed meanwhile.
//
// When ctx ends while other models are loaded, LoadModel returns without a load. When it
// ends after that, LoadModel returns and the load continues, since the engine's part in
// it cannot be cancelled: the caller must not change the override.
func (r *Repository[S]) LoadModel(ctx context.Context, name string, override *Override) error {
	if err := r.controlled(name); err != nil {
		return err
	}
	unlock, err := r.lockLoads(ctx)
	if err != nil {
		return err
	}
	result := make(chan error, 1)
	go func() {
		defer unlock()
		// The load outlives its caller, but not the repository.
		ctx, cancel := r.untilClose(context.WithoutCancel(ctx))
		defer cancel()
		result <- r.loadModelLocked(ctx, name, override)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loadModelLocked loads a model by request. The caller holds the load lock.
func (r *Repository[S]) loadModelLocked(ctx context.Context, name string, override *Override) error {
	src, err := r.source(name, override)
	if err != nil {
		return fmt.Errorf("%w '%s', failed to poll from model repository: %w", ErrLoad, name, err)
	}
	defer func() {
		if err := errors.Join(src.root.Close(), src.scratch.release()); err != nil {
			r.options.Logger.Warn("the files of a load could not be closed", "model", name, "error", err)
		}
	}()
	settings := src.settings
	if settings == nil {
		settings = r.entryLocked(name).settings
	}
	d := r.examine(src.root, src.dir, settings)
	if src.settings == nil {
		r.entryLocked(name).settings = d.settings
	}
	failures, err := r.reconcileLocked(ctx, name, src, d, true)
	if err != nil {
		return errStopping // only the repository ends ctx
	}
	if len(d.versions) == 0 {
		failures = append(failures, errors.New(d.reason(name)))
	}
	if len(failures) == 0 {
		return nil
	}
	texts := make([]string, len(failures))
	for i, failure := range failures {
		texts[i] = readable(failure)
	}
	return fmt.Errorf("%w '%s', %s", ErrLoad, name, strings.Join(texts, "; "))
}

// source returns the source of a model's files for a load. The caller closes its root and
// releases its scratch.
func (r *Repository[S]) source(name string, override *Override) (*source, error) {
	var given *settings
	if override != nil && len(override.Config) > 0 {
		var err error
		if given, err = givenSettings(override.Config, r.engines.Platforms()); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOverride, err)
		}
	}
	if override != nil && len(override.Files) > 0 {
		if given == nil {
			return nil, fmt.Errorf("%w: files are given without config: give both", ErrOverride)
		}
		scratch, root, err := newScratch(override.Files)
		if err != nil {
			return nil, err
		}
		return &source{root: root, dir: ".", settings: given, scratch: scratch}, nil
	}
	root, names, err := r.openModels()
	if err != nil {
		return nil, fmt.Errorf("read the models directory: %w", withoutPath(err, r.dir))
	}
	if !slices.Contains(names, name) {
		return nil, errors.Join(fmt.Errorf("%w: there is no directory %q", ErrNotFound, name), root.Close())
	}
	return &source{root: root, dir: name, settings: given}, nil
}

// UnloadModel takes a model out of service. It needs ControlExplicit. It does not wait for
// the leases of the model: until the last is released, the model is listed as unloading.
// A model that is not loaded is not an error; one that the repository does not have is an
// ErrNotFound.
func (r *Repository[S]) UnloadModel(ctx context.Context, name string) error {
	if err := r.controlled(name); err != nil {
		return err
	}
	unlock, err := r.lockLoads(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if s := r.Snapshot(); s.model(name) == nil {
		return unknown("%q is %w; the server has %s", name, ErrNotFound, s.names())
	}
	r.update(name, func(m *Model[S]) *Model[S] {
		m.Reason = ""
		for _, v := range m.Versions {
			if v.State == Loading || v.State == Unavailable {
				m.put(&Version[S]{Model: name, Number: v.Number, State: Unavailable, Reason: reasonUnloaded})
			}
		}
		return m
	})
	r.retire(name, true, func(*Version[S]) bool { return true })
	delete(r.entries, name)
	return nil
}

// controlled returns an error when requests may not load and unload the model of that
// name. The name is never used as a path: it is compared with the names that exist.
func (r *Repository[S]) controlled(name string) error {
	if r.options.Control != ControlExplicit {
		return fmt.Errorf("%w: the mode is %v (%s): set the setting to %v", ErrControl, r.options.Control, setting.ModelControl, ControlExplicit)
	}
	invalid := func(c rune) bool { return c == '/' || c == '\\' || c == os.PathSeparator || unicode.IsControl(c) }
	switch {
	case name == "":
		return fmt.Errorf("%w: model_name is empty", ErrName)
	case len(name) > 255 || !utf8.ValidString(name) || strings.HasPrefix(name, ".") || strings.ContainsFunc(name, invalid):
		return fmt.Errorf("%w: model_name %q is not the name of a directory: give one without separators that does not begin with a dot", ErrName, shorten(name))
	}
	return nil
}
