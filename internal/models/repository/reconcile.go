package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// entry is what the repository knows of a model beside what it lists. Whoever has the
// turn reads and changes it.
type entry struct {
	// settings are those that were last read in the models directory.
	settings *settings
	// applied is the fingerprint that the model was last reconciled with.
	applied fingerprint
	// tried has what each version was last loaded from, or was tried to be.
	tried map[int64]fingerprint
	// seen is the fingerprint that the model had when it was last looked at, and has
	// had since then.
	seen  fingerprint
	since time.Time
}

// entry returns the entry of a model, a new one where there is none.
func (r *Repository[S]) entry(name string) *entry {
	e := r.entries[name]
	if e == nil {
		e = &entry{tried: make(map[int64]fingerprint)}
		r.entries[name] = e
	}
	return e
}

// reconcile makes the model of that name what its directory says: it loads those
// versions whose files have changed, and with again those that could not be loaded
// before, and takes out of service those that are no longer selected. It returns why
// versions could not be loaded, by the newest first; with ctx's end, what has not been
// loaded is left as it is. The caller has the turn.
func (r *Repository[S]) reconcile(ctx context.Context, name string, src *source, d *directory, again bool) (failures []error, _ error) {
	e := r.entry(name)
	e.applied = d.whole
	selected := r.selected(name, d)
	maps.DeleteFunc(e.tried, func(number int64, _ fingerprint) bool { return !contains(selected, number) })
	present := r.Snapshot().model(name)
	todo := slices.DeleteFunc(slices.Clone(selected), func(v versionDir) bool {
		return e.tried[v.number] == d.key(v) && (!again || present.serves(v.number))
	})
	r.list(name, selected, todo, d)
	if len(todo) > 0 {
		for _, warning := range d.settings.warnings {
			r.options.Logger.Warn("model configuration", "model", name, "warning", warning)
		}
	}
	for _, v := range todo {
		if err := ctx.Err(); err != nil {
			return failures, err
		}
		start := time.Now()
		log := r.options.Logger.With("model", name, "version", v.number)
		loaded, err := r.load(ctx, name, src, d, v)
		if err != nil && ctx.Err() != nil {
			return failures, ctx.Err()
		}
		e.tried[v.number] = d.key(v)
		if errors.Is(err, errChanged) {
			// They are looked at again even when they have changed back since then.
			delete(e.tried, v.number)
			e.applied = fingerprint{}
		}
		if err == nil {
			r.swap(loaded)
			log.Info("model is ready", "took", time.Since(start).Round(time.Millisecond))
			continue
		}
		failures = append(failures, fmt.Errorf("version %d: %w", v.number, err))
		if r.fail(name, v.number, readable(err)) {
			log.Error("model could not be loaded anew: what was loaded before serves on", "reason", err)
		} else {
			log.Error("model is unavailable", "reason", err)
		}
	}
	r.retireOthers(name, selected)
	return failures, nil
}

func contains(versions []versionDir, number int64) bool {
	return slices.ContainsFunc(versions, func(v versionDir) bool { return v.number == number })
}

// selected returns the versions that are to serve. Where d cannot tell, these are those
// that do: a broken configuration takes nothing out of service.
func (r *Repository[S]) selected(name string, d *directory) []versionDir {
	if d.err == nil {
		return d.selected()
	}
	var serving []versionDir
	if m := r.Snapshot().model(name); m != nil {
		for _, v := range m.Versions {
			if v.State == Ready {
				serving = append(serving, versionDir{number: v.Number})
			}
		}
	}
	if serving == nil {
		return d.versions
	}
	return serving
}

// list lists the selected versions, those of todo that do not serve as loading, and
// none of the others that did not serve.
func (r *Repository[S]) list(name string, selected, todo []versionDir, d *directory) {
	r.update(name, func(m *Model[S]) *Model[S] {
		if m == nil {
			m = &Model[S]{Name: name}
		}
		m.removed, m.Reason = false, ""
		m.Versions = slices.DeleteFunc(m.Versions, func(v *Version[S]) bool {
			return (v.State == Loading || v.State == Unavailable) && !contains(selected, v.Number)
		})
		for _, v := range todo {
			if old := m.version(v.number); old == nil || old.State != Ready {
				m.put(&Version[S]{Model: name, Number: v.number})
			}
		}
		if len(selected) == 0 {
			m.Reason = d.reason(name)
		}
		return m
	})
}

// fail lists why a version could not be loaded, and reports whether an earlier load of
// it serves on.
func (r *Repository[S]) fail(name string, number int64, reason string) (serves bool) {
	r.update(name, func(m *Model[S]) *Model[S] {
		if m == nil {
			m = &Model[S]{Name: name}
		}
		if old := m.version(number); old != nil && old.State == Ready {
			serves = true
			m.put(old.because(reason))
		} else {
			m.put(&Version[S]{Model: name, Number: number, State: Unavailable, Reason: reason})
		}
		return m
	})
	return serves
}

// retireOthers takes the versions that are not selected out of service, unless nothing
// would serve in their place because what was selected could not be loaded.
func (r *Repository[S]) retireOthers(name string, selected []versionDir) {
	m := r.Snapshot().model(name)
	if m == nil {
		return
	}
	serves := slices.ContainsFunc(m.Versions, func(v *Version[S]) bool { return v.State == Ready && contains(selected, v.Number) })
	if serves || len(selected) == 0 {
		r.retire(name, false, func(v *Version[S]) bool { return !contains(selected, v.Number) })
		return
	}
	for _, v := range m.Versions {
		if v.State == Ready {
			r.fail(name, v.Number, "it serves on because no version that is selected in its place could be loaded")
		}
	}
}
