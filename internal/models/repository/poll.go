package repository

import (
	"context"
	"os"
	"slices"
	"time"
)

// Poll follows the changes of the models directory until ctx or the repository ends. It is
// called once, after Load.
//
// Under ControlPoll, models and versions that are added, changed and removed are loaded,
// loaded again and taken out of service, each when its files have not changed for
// SettleTime. When the directory itself cannot be read, all versions keep serving.
//
// Under ControlExplicit only the list of available models is updated, and under
// ControlNone nothing.
func (r *Repository[S]) Poll(ctx context.Context) {
	if r.options.Control == ControlNone {
		return
	}
	ctx, cancel := r.untilClose(ctx)
	defer cancel()
	p := &poller[S]{Repository: r}
	for wait := r.options.PollInterval; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = r.options.PollInterval
		if p.pass(ctx) {
			// Several passes, so that a file that comes and goes is not seen twice in one state.
			wait = min(wait, max(r.options.SettleTime/4, time.Millisecond))
		}
	}
}

// poller is one goroutine's passes over the models directory.
type poller[S any] struct {
	*Repository[S]
	// lastError is the text of the last error of reading the directory; empty after a success.
	lastError string
}

// pass reads the directory once, and reports whether some files changed too recently to be
// loaded.
func (p *poller[S]) pass(ctx context.Context) (unsettled bool) {
	unlock, err := p.lockLoads(ctx)
	if err != nil {
		return false
	}
	defer unlock()
	root, names, err := p.openModels()
	if err != nil {
		if p.lastError != err.Error() {
			p.options.Logger.Error("the models directory cannot be read: loaded models keep serving", "error", err)
		}
		p.lastError = err.Error()
		return false
	}
	defer root.Close()
	if p.lastError != "" {
		p.options.Logger.Info("the models directory can be read again")
		p.lastError = ""
	}
	if p.options.Control == ControlExplicit {
		p.listAvailableLocked(names)
		return false
	}
	for _, name := range names {
		if !p.followLocked(ctx, root, name) {
			unsettled = true
		}
	}
	for name, e := range p.entries {
		if slices.Contains(names, name) {
			continue
		}
		if !e.settledLocked(fingerprint{}, time.Time{}, p.options.SettleTime) {
			unsettled = true
			continue
		}
		p.options.Logger.Info("model is removed", "model", name)
		p.removeLocked(name)
	}
	return unsettled
}

// followLocked reconciles a model with its directory when that has changed and has settled.
// It reports whether nothing is left to do. The caller holds the load lock.
func (r *Repository[S]) followLocked(ctx context.Context, root *os.Root, name string) bool {
	e := r.entryLocked(name)
	d := r.examine(root, name, e.settings)
	settled := e.settledLocked(d.all, d.newest, r.options.SettleTime)
	if d.all == e.applied {
		return true
	}
	if !settled {
		return false
	}
	e.settings = d.settings
	_, err := r.reconcileLocked(ctx, name, &source{root: root, dir: name}, d, false)
	return err == nil
}

// settledLocked reports whether the files have had this fingerprint, and have not changed,
// for the duration settle. It ignores a modification time in the future, which is due to a
// wrong clock. The caller holds the load lock.
func (e *entry) settledLocked(now fingerprint, newest time.Time, settle time.Duration) bool {
	if e.since.IsZero() || e.seen != now {
		e.seen, e.since = now, time.Now()
	}
	return time.Since(e.since) >= settle && !fresh(newest, settle)
}

// fresh reports whether files with the newest modification time newest may still be
// written to.
func fresh(newest time.Time, settle time.Duration) bool {
	age := time.Since(newest)
	return 0 <= age && age < settle
}

// loadAtStart loads a model that Scan found.
func (r *Repository[S]) loadAtStart(ctx context.Context, name string) error {
	unlock, err := r.lockLoads(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := r.untilClose(ctx)
	defer cancel()
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	e := r.entryLocked(name)
	d := r.examine(root, name, nil)
	if r.options.Control == ControlPoll && fresh(d.newest, r.options.SettleTime) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.options.SettleTime - time.Since(d.newest)):
		}
		before := d.all
		if d = r.examine(root, name, d.settings); d.all != before {
			e.settledLocked(d.all, d.newest, r.options.SettleTime)
			r.options.Logger.Info("model is still being written", "model", name)
			return nil
		}
	}
	e.settings = d.settings
	_, err = r.reconcileLocked(ctx, name, &source{root: root, dir: name}, d, false)
	return err
}

// removeLocked takes a model whose directory was removed out of service. The caller holds
// the load lock.
func (r *Repository[S]) removeLocked(name string) {
	delete(r.entries, name)
	r.update(name, func(m *Model[S]) *Model[S] {
		if m == nil {
			return nil
		}
		m.removed = true
		m.Versions = slices.DeleteFunc(m.Versions, func(v *Version[S]) bool { return v.State == Loading || v.State == Unavailable })
		return m.listed()
	})
	r.retire(name, false, func(*Version[S]) bool { return true })
}

// listAvailableLocked lists the models of those names, and removes listed ones that are
// neither available nor loaded. The caller holds the load lock.
func (r *Repository[S]) listAvailableLocked(names []string) {
	listed := r.Snapshot()
	for _, name := range names {
		if listed.model(name) == nil {
			r.update(name, func(*Model[S]) *Model[S] { return &Model[S]{Name: name} })
		}
	}
	for _, m := range listed.Models {
		idle := !slices.ContainsFunc(m.Versions, func(v *Version[S]) bool { return v.State != Unavailable })
		if idle && r.entries[m.Name] == nil && !slices.Contains(names, m.Name) {
			r.update(m.Name, func(*Model[S]) *Model[S] { return nil })
		}
	}
}
