package repository

import (
	"context"
	"slices"
	"time"
)

// Poll follows the changes of the models directory until ctx or the repository ends. It is
// called once, after Scan. It may run while Load does: a slow load does not delay it.
//
// Under ControlPoll, models and versions that are added, changed and removed are loaded,
// loaded again and taken out of service, each when its files have not changed for
// SettleTime. When the directory cannot be read or does not answer, or none of its models has
// a version any more, as when it was unmounted, all versions keep serving. When most models
// disappear at once, they keep serving for another PollInterval: see minMass.
//
// Under ControlExplicit only the list of available models is updated, and under
// ControlNone nothing.
func (r *Repository[S]) Poll(ctx context.Context) {
	if r.options.Control == ControlNone {
		return
	}
	ctx, cancel := r.untilClose(ctx)
	defer cancel()
	p := &poller[S]{Repository: r, sightings: make(map[string]sighting), disappeared: make(map[string]bool)}
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
	// trouble is the reason, as logged, why the last pass kept all models; empty without one.
	trouble string
	// sightings has the last state of each model's files.
	sightings map[string]sighting
	// disappeared has the models of which keepMass waits for a confirmation, since massSince.
	disappeared map[string]bool
	massSince   time.Time
}

// sighting is a state of a model's files, and the time when it was first seen.
type sighting struct {
	files fingerprint
	since time.Time
}

// pass reads the directory once, and reports whether some files changed too recently to be
// loaded. It does not wait for loads.
func (p *poller[S]) pass(ctx context.Context) (unsettled bool) {
	l := p.look(ctx)
	if l == nil {
		return false // ctx has ended
	}
	defer l.release()
	if l.err != nil {
		p.keep("the models directory cannot be read", "error", l.err)
		return false
	}
	if p.options.Control == ControlExplicit {
		p.recovered()
		p.listAvailable(l.names)
		return false
	}
	if p.serving() && !l.populated {
		p.keep("the models directory has no model with a version", "dir", p.dir)
		return false
	}
	p.recovered()
	unsettled = p.keepMass(l)
	for _, name := range l.names {
		if !p.disappeared[name] && !p.follow(ctx, l, name) {
			unsettled = true
		}
	}
	for _, name := range p.entryNames() {
		if !p.disappeared[name] && !slices.Contains(l.names, name) && !p.remove(ctx, name) {
			unsettled = true
		}
	}
	return unsettled
}

// follow starts to reconcile a model with its directory when that has changed and has
// settled, unless an operation is in progress, or there was one since the directory was
// read. It reports false when the files have changed and have not settled.
func (p *poller[S]) follow(ctx context.Context, l *listing, name string) bool {
	d := l.directories[name]
	o := p.tryBegin(name)
	if o == nil {
		return true
	}
	if d == nil || o.reconciled != l.known[name].reconciled {
		o.end()
		return true
	}
	settled := p.settled(name, d.all, d.newest)
	if d.all == o.applied || !settled {
		o.tracked = true // so that its removal is noticed
		o.end()
		return settled || d.all == o.applied
	}
	o.settings, o.wanted = d.settings, true
	src := &source{root: l.root, dir: name}
	src.retain()
	go func() {
		defer o.end()
		defer p.releaseSource(name, src)
		ctx, cancel := o.context(ctx)
		defer cancel()
		_, _ = o.reconcile(ctx, src, d, false) // failures are listed
	}()
	return true
}

// remove takes a model whose directory was removed out of service, also while it loads. It
// reports false when the removal has not settled.
func (p *poller[S]) remove(ctx context.Context, name string) bool {
	if !p.settled(name, fingerprint{}, time.Time{}) {
		return false
	}
	o, err := p.overtake(ctx, name)
	if err != nil {
		return true // ctx or the repository has ended
	}
	defer o.end()
	p.options.Logger.Info("model is removed", "model", name)
	delete(p.sightings, name)
	o.removed()
	return true
}

// settled reports whether the model's files have had this fingerprint, and have not
// changed, for SettleTime. It ignores a modification time in the future, which is due to a
// wrong clock.
func (p *poller[S]) settled(name string, files fingerprint, newest time.Time) bool {
	last, found := p.sightings[name]
	if !found || last.files != files {
		last = sighting{files: files, since: time.Now()}
		p.sightings[name] = last
	}
	return time.Since(last.since) >= p.options.SettleTime && !fresh(newest, p.options.SettleTime)
}

// fresh reports whether files with the newest modification time newest may still be
// written to.
func fresh(newest time.Time, settle time.Duration) bool {
	age := time.Since(newest)
	return 0 <= age && age < settle
}

// listAvailable lists the models of those names, and removes listed ones that are neither
// available nor loaded.
func (r *Repository[S]) listAvailable(names []string) {
	listed := r.Snapshot()
	for _, name := range names {
		if listed.model(name) == nil {
			r.update(name, func(*Model[S]) *Model[S] { return &Model[S]{Name: name} })
		}
	}
	for _, m := range listed.Models {
		if !slices.Contains(names, m.Name) {
			r.unlist(m.Name)
		}
	}
}

// unlist removes a model without a directory from the list, unless it is loaded or an
// operation is in progress.
func (r *Repository[S]) unlist(name string) {
	o := r.tryBegin(name)
	if o == nil {
		return
	}
	defer o.end()
	if o.tracked {
		return
	}
	r.update(name, func(m *Model[S]) *Model[S] {
		if m != nil && slices.ContainsFunc(m.Versions, func(v *Version[S]) bool { return v.State != Unavailable }) {
			return m
		}
		return nil
	})
}
