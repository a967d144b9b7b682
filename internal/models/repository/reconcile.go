package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// entry is the state of a model that is not in the snapshot. The load lock guards it.
type entry struct {
	// settings are those that were last read in the models directory.
	settings *settings
	// applied is the fingerprint with which the model was last reconciled.
	applied fingerprint
	// tried has the fingerprint of each version's last load, successful or not.
	tried map[int64]fingerprint
	// seen is the model's last fingerprint, and since the time when it was first seen.
	seen  fingerprint
	since time.Time
}

// entryLocked returns the entry of a model, a new one where there is none. The caller holds
// the load lock.
func (r *Repository[S]) entryLocked(name string) *entry {
	e := r.entries[name]
	if e == nil {
		e = &entry{tried: make(map[int64]fingerprint)}
		r.entries[name] = e
	}
	return e
}

// reconcileLocked brings a model to the state of its directory. It loads the versions whose
// files have changed and, with again, those that could not be loaded before, and takes the
// ones that are no longer selected out of service. It returns the errors of the versions
// that could not be loaded, the newest first. When ctx ends, the remaining versions stay as
// they are. The caller holds the load lock.
func (r *Repository[S]) reconcileLocked(ctx context.Context, name string, src *source, d *directory, again bool) (failures []error, _ error) {
	e := r.entryLocked(name)
	changed := e.applied != d.all
	e.applied = d.all
	selected := r.selected(name, d)
	maps.DeleteFunc(e.tried, func(number int64, _ fingerprint) bool { return !contains(selected, number) })
	present := r.Snapshot().model(name)
	todo := slices.DeleteFunc(slices.Clone(selected), func(v versionDir) bool {
		return e.tried[v.number] == d.key(v) && (!again || present.serves(v.number))
	})
	r.list(name, selected, todo, d)
	if len(selected) == 0 && changed {
		r.options.Logger.Error("model is unavailable", "model", name, "reason", d.reason(name))
	}
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
			// Try again even when the files have changed back meanwhile.
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
			log.Error("model could not be loaded again: the earlier version keeps serving", "reason", err)
		} else {
			log.Error("model is unavailable", "reason", err)
		}
	}
	r.retireUnselected(name, selected)
	return failures, nil
}

func contains(versions []versionDir, number int64) bool {
	return slices.ContainsFunc(versions, func(v versionDir) bool { return v.number == number })
}

// selected returns the versions that should serve. Where d has an error, these are the
// versions in service: a broken configuration takes none out of service.
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

// list updates the listed versions of a model: those of todo that do not serve are listed
// as loading, and those that are neither selected nor serve are removed.
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

// fail lists the reason why a version could not be loaded, and reports whether an earlier
// load of it keeps serving.
func (r *Repository[S]) fail(name string, number int64, reason string) (serves bool) {
	r.update(name, func(m *Model[S]) *Model[S] {
		if m == nil {
			m = &Model[S]{Name: name}
		}
		if old := m.version(number); old != nil && old.State == Ready {
			serves = true
			m.put(old.withReason(reason))
		} else {
			m.put(&Version[S]{Model: name, Number: number, State: Unavailable, Reason: reason})
		}
		return m
	})
	return serves
}

// retireUnselected takes the versions that are not selected out of service, unless no
// selected version could be loaded to replace them.
func (r *Repository[S]) retireUnselected(name string, selected []versionDir) {
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
			r.fail(name, v.Number, "it keeps serving because no version that is selected instead could be loaded")
		}
	}
}
