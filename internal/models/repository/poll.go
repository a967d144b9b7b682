package repository

import (
	"context"
	"os"
	"slices"
	"time"
)

// Poll follows what becomes of the models directory until ctx or the repository ends.
// It is to be called once, after Load.
//
// Under ControlPoll, models and versions that are added, changed and removed are loaded,
// loaded anew and taken out of service, each once its files have been still for
// SettleTime. When the directory itself cannot be read, what serves goes on to.
//
// Under ControlExplicit only the list of models that can be loaded is kept, and under
// ControlNone nothing is.
func (r *Repository) Poll(ctx context.Context) {
	if r.options.Control == ControlNone {
		return
	}
	ctx, cancel := r.untilClose(ctx)
	defer cancel()
	p := &poller{Repository: r}
	for wait := r.options.PollInterval; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = r.options.PollInterval
		if p.pass(ctx) {
			// Several looks, so that what comes and goes is not met in one state twice.
			wait = min(wait, max(r.options.SettleTime/4, time.Millisecond))
		}
	}
}

// poller is one goroutine's passes over the models directory.
type poller struct {
	*Repository
	// trouble is why the directory could not be read the last time.
	trouble string
}

// pass looks at the directory once, and reports whether some files are to be looked at
// again when they have settled.
func (p *poller) pass(ctx context.Context) (unsettled bool) {
	done, err := p.take(ctx)
	if err != nil {
		return false
	}
	defer done()
	root, names, err := p.look()
	if err != nil {
		if p.trouble != err.Error() {
			p.options.Logger.Error("the models directory cannot be read: what serves goes on to", "error", err)
		}
		p.trouble = err.Error()
		return false
	}
	defer root.Close()
	if p.trouble != "" {
		p.options.Logger.Info("the models directory can be read again")
		p.trouble = ""
	}
	if p.options.Control == ControlExplicit {
		p.relist(names)
		return false
	}
	for _, name := range names {
		if !p.follow(ctx, root, name) {
			unsettled = true
		}
	}
	for name, e := range p.entries {
		if slices.Contains(names, name) {
			continue
		}
		if !e.still(fingerprint{}, time.Time{}, p.options.SettleTime) {
			unsettled = true
			continue
		}
		p.options.Logger.Info("model is removed", "model", name)
		p.remove(name)
	}
	return unsettled
}

// follow makes a model what its directory says, when that has changed and has settled.
// It reports whether nothing is left to be done.
func (r *Repository) follow(ctx context.Context, root *os.Root, name string) bool {
	e := r.entry(name)
	d := r.examine(root, name, e.settings)
	still := e.still(d.whole, d.newest, r.options.SettleTime)
	if d.whole == e.applied {
		return true
	}
	if !still {
		return false
	}
	e.settings = d.settings
	_, err := r.reconcile(ctx, name, &source{root: root, dir: name}, d, false)
	return err == nil
}

// still reports whether the files that have this fingerprint now have had it for as
// long as settle, and were not changed since then. A time in the future is a clock's
// fault and says nothing.
func (e *entry) still(now fingerprint, newest time.Time, settle time.Duration) bool {
	if e.since.IsZero() || e.seen != now {
		e.seen, e.since = now, time.Now()
	}
	return time.Since(e.since) >= settle && !fresh(newest, settle)
}

// fresh reports whether files whose newest is that old may still be written to.
func fresh(newest time.Time, settle time.Duration) bool {
	age := time.Since(newest)
	return 0 <= age && age < settle
}

// loadAtStart loads a model that Scan found.
func (r *Repository) loadAtStart(ctx context.Context, name string) error {
	done, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := r.untilClose(ctx)
	defer cancel()
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	e := r.entry(name)
	d := r.examine(root, name, nil)
	if r.options.Control == ControlPoll && fresh(d.newest, r.options.SettleTime) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.options.SettleTime - time.Since(d.newest)):
		}
		before := d.whole
		if d = r.examine(root, name, d.settings); d.whole != before {
			e.still(d.whole, d.newest, r.options.SettleTime)
			r.options.Logger.Info("model is still being written", "model", name)
			return nil
		}
	}
	e.settings = d.settings
	_, err = r.reconcile(ctx, name, &source{root: root, dir: name}, d, false)
	return err
}

// remove takes a model whose directory is gone out of service.
func (r *Repository) remove(name string) {
	delete(r.entries, name)
	r.update(name, func(m *Model) *Model {
		if m == nil {
			return nil
		}
		m.removed = true
		m.Versions = slices.DeleteFunc(m.Versions, func(v *Version) bool { return v.State == Loading || v.State == Unavailable })
		return m.listed()
	})
	r.retire(name, false, func(*Version) bool { return true })
}

// relist lists the models that could be loaded, and no longer those that are gone and
// not loaded.
func (r *Repository) relist(names []string) {
	listed := r.Snapshot()
	for _, name := range names {
		if listed.model(name) == nil {
			r.update(name, func(*Model) *Model { return &Model{Name: name} })
		}
	}
	for _, m := range listed.Models {
		idle := !slices.ContainsFunc(m.Versions, func(v *Version) bool { return v.State != Unavailable })
		if idle && r.entries[m.Name] == nil && !slices.Contains(names, m.Name) {
			r.update(m.Name, func(*Model) *Model { return nil })
		}
	}
}
