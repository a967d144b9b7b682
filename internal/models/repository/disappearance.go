package repository

import (
	"path/filepath"
	"slices"
)

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
