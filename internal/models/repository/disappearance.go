package repository

import (
	"path/filepath"
	"slices"
	"time"
)

// minMass is the number of models from which keepMass applies.
const minMass = 4

// keepMass finds the models that have disappeared: that have no directory any more, or serve
// and have no version in it. Where they are more than half of at least minMass models, it
// puts them into p.disappeared until another read at least a PollInterval later confirms it,
// and returns true: a part of a repository may be unmounted for a moment.
func (p *poller[S]) keepMass(l *listing) (waits bool) {
	all := p.entryNames()
	clear(p.disappeared)
	for _, name := range all {
		d := l.directories[name]
		if !slices.Contains(l.names, name) || d != nil && d.err == nil && len(d.versions) == 0 && p.serves(name) {
			p.disappeared[name] = true
		}
	}
	if n := len(p.disappeared); len(all) < minMass || 2*n <= len(all) {
		clear(p.disappeared)
		p.massSince = time.Time{}
		return false
	}
	if p.massSince.IsZero() {
		p.massSince = time.Now()
		p.options.Logger.Warn("most models have disappeared at once: they are unloaded if the next scan confirms it",
			"disappeared", len(p.disappeared), "models", len(all), "dir", p.dir)
	}
	if time.Since(p.massSince) < p.options.PollInterval {
		return true
	}
	clear(p.disappeared)
	return false
}

// serves reports whether a version of a model is in service.
func (r *Repository[S]) serves(name string) bool {
	m := r.Snapshot().model(name)
	return m != nil && m.Newest() != nil
}

// keep logs why a pass keeps all models, once for each reason.
func (p *poller[S]) keep(reason string, args ...any) {
	if p.trouble != reason {
		p.options.Logger.Error(reason+": loaded models keep serving", args...)
	}
	p.trouble = reason
}

// recovered logs that the reason of keep has passed.
func (p *poller[S]) recovered() {
	if p.trouble != "" {
		p.options.Logger.Info("the models directory can be followed again")
	}
	p.trouble = ""
}

// serving reports whether a version is in service.
func (r *Repository[S]) serving() bool {
	return slices.ContainsFunc(r.Snapshot().Models, func(m *Model[S]) bool { return m.Newest() != nil })
}

// populated reports whether one of the directories of those names has a version's
// directory. It is false for the empty directory below a file system that was unmounted,
// and for one whose models are mounted one by one.
func populated(root *tree, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		entries, err := readDir(root, name)
		return err == nil && slices.ContainsFunc(entries, func(entry string) bool {
			_, ok := parseVersion(entry)
			if !ok {
				return false
			}
			info, err := stat(root, filepath.Join(name, entry))
			return err == nil && info.IsDir()
		})
	})
}
