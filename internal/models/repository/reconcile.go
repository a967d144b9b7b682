package repository

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// reconcile brings a model to the state of its directory. It loads the versions whose files
// have changed and, with again, those that could not be loaded before, and takes the ones
// that are no longer selected out of service. It returns the errors of the versions that
// could not be loaded, the newest first. When ctx ends, the remaining versions stay as they
// are, and the error is its cause.
func (o *operation[S]) reconcile(ctx context.Context, src *source, d *directory, again bool) (failures []error, _ error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	changed := o.applied != d.all
	o.applied, o.tracked = d.all, true
	o.reconciled++
	selected := o.selected(o.name, d)
	todo := o.pending(selected, d, again)
	o.list(o.name, selected, todo, d)
	o.explainNone(src, selected, d, changed)
	if len(todo) > 0 {
		for _, warning := range d.settings.warnings {
			o.options.Logger.Warn("model configuration", "model", o.name, "warning", warning)
		}
		if err := o.acquireSlot(ctx); err != nil {
			return nil, err
		}
		if err := o.makeRoom(ctx, selected, todo, d); err != nil {
			return nil, err
		}
	}
	for _, v := range todo {
		if err := o.acquireSlot(ctx); err != nil { // a slow load has given it up
			return failures, err
		}
		failure := o.loadVersion(ctx, src, d, v)
		if failure != nil && ctx.Err() != nil {
			return failures, context.Cause(ctx)
		}
		if failure != nil {
			failures = append(failures, fmt.Errorf("version %d: %w", v.number, failure))
		}
	}
	o.retireUnselected(o.name, selected)
	o.scheduleRetry()
	return failures, nil
}

// explainNone lists why a model has no version to load, and logs it after a change. Where
// the directory cannot be read, it plans a retry.
func (o *operation[S]) explainNone(src *source, selected []versionDir, d *directory, changed bool) {
	if len(selected) > 0 {
		delete(o.attempts, wholeModel)
		return
	}
	reason := d.reason(o.name)
	if d.err != nil {
		reason = o.failed(wholeModel, d.all, d.err, o.wanted && src.own())
	}
	o.update(o.name, func(m *Model[S]) *Model[S] {
		m.Reason = reason
		return m
	})
	if changed {
		o.options.Logger.Error("model is unavailable", "model", o.name, "reason", reason)
	}
}

// pending returns the versions to load: those whose files are not the ones of the last
// attempt, those whose next attempt is due and, with again, those whose last load failed. A
// version whose files are the ones that it serves is not loaded, and has no reason any more.
func (o *operation[S]) pending(selected []versionDir, d *directory, again bool) (todo []versionDir) {
	if o.attempts == nil {
		o.attempts = make(map[int64]attempt)
	}
	maps.DeleteFunc(o.attempts, func(number int64, _ attempt) bool { return number != wholeModel && !contains(selected, number) })
	present := o.Snapshot().model(o.name)
	for _, v := range selected {
		last, tried := o.attempts[v.number]
		switch {
		case d.err == nil && v.err == nil && present.servesFiles(v.number, d.key(v)):
			o.attempts[v.number] = attempt{key: d.key(v)}
			o.update(o.name, func(m *Model[S]) *Model[S] {
				if served := m.version(v.number); served.Reason != "" {
					m.put(served.withReason(""))
				}
				return m
			})
		case !tried || last.key != d.key(v) || last.due() || again && !present.serves(v.number):
			todo = append(todo, v)
		}
	}
	return todo
}

// loadVersion loads a version and puts it into service, or lists why it could not be loaded.
// When ctx ends it changes nothing.
func (o *operation[S]) loadVersion(ctx context.Context, src *source, d *directory, v versionDir) error {
	start := time.Now()
	log := o.options.Logger.With("model", o.name, "version", v.number)
	loaded, err := o.loadWithin(ctx, src, d, v)
	if err == nil {
		o.attempts[v.number] = attempt{key: d.key(v)}
		o.swap(loaded)
		log.Info("model is ready", "took", time.Since(start).Round(time.Millisecond))
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	reason := o.failed(v.number, d.key(v), err, o.wanted && src.own())
	if errors.Is(err, errChanged) {
		// Try again even when the files have changed back meanwhile.
		delete(o.attempts, v.number)
		o.applied = fingerprint{}
	}
	if o.fail(o.name, v.number, reason) {
		log.Error("model could not be loaded again: the earlier version keeps serving", "reason", reason)
	} else {
		log.Error("model is unavailable", "reason", reason)
	}
	return err
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
		m.removed, m.Reason, m.skipped = false, "", d.skipped(selected)
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
