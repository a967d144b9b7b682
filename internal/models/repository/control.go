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
	return unmarshalChoice(c, controlNames[:], text)
}

// unmarshalChoice sets choice to the index of its name.
func unmarshalChoice[T ~uint8](choice *T, names []string, text []byte) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		last := len(names) - 1
		return fmt.Errorf("give %s or %s", strings.Join(names[:last], ", "), names[last])
	}
	*choice = T(i)
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
// When ctx ends while LoadModel waits for another load, it returns without a load. When it
// ends after that, LoadModel returns and the load continues: the caller must not change
// the override. An unload of the model ends the load, with an ErrLoad.
func (r *Repository[S]) LoadModel(ctx context.Context, name string, override *Override) error {
	if err := r.controlled(name); err != nil {
		return err
	}
	o, err := r.begin(ctx, name)
	if err != nil {
		return loadError(name, err)
	}
	if err := o.acquireSlot(ctx); err != nil {
		o.end()
		return loadError(name, err)
	}
	result := make(chan error, 1)
	go func() {
		defer o.end()
		// The load outlives its caller, but not the repository.
		ctx, cancel := o.context(context.WithoutCancel(ctx))
		defer cancel()
		result <- o.load(ctx, override)
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loadError returns the error of a load by request that was ended by err.
func loadError(name string, err error) error {
	if errors.Is(err, errOvertaken) {
		return fmt.Errorf("%w '%s', %w", ErrLoad, name, err)
	}
	return err
}

// load loads a model by request.
func (o *operation[S]) load(ctx context.Context, override *Override) error {
	name := o.name
	src, d, err := o.read(ctx, func() (*source, error) { return o.source(name, override) })
	if ctx.Err() != nil && err != nil {
		return loadError(name, err)
	}
	if err != nil {
		return fmt.Errorf("%w '%s', failed to poll from model repository: %w", ErrLoad, name, err)
	}
	defer o.releaseSource(name, src)
	if src.settings == nil {
		o.settings = d.settings
	}
	failures, err := o.reconcile(ctx, src, d, true)
	if err != nil {
		return loadError(name, err)
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
