package repository

import (
	"cmp"
	"context"

	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// makeRoom unloads the versions that those of todo replace, if the model is configured so,
// and waits until their memory is free. A version that could not be loaded anyway replaces
// none. Where an earlier version stays in use until the time limit, todo cannot be loaded.
// When ctx ends, the error is its cause.
func (o *operation[S]) makeRoom(ctx context.Context, selected, todo []versionDir, d *directory) error {
	if d.err != nil || !o.unloadsFirst(d) {
		return nil
	}
	next := make(map[int64]bool)
	for _, v := range todo {
		if v.err == nil {
			next[v.number] = true
		}
	}
	if len(next) == 0 {
		return nil
	}
	o.leaving = append(o.leaving, o.retire(o.name, false, func(v *Version[S]) bool { return next[v.Number] || !contains(selected, v.Number) })...)
	o.list(o.name, selected, todo, d) // those that were taken out of service load
	limit, cancel := o.withLoadTimeout(ctx, d)
	defer cancel()
	for len(o.leaving) > 0 {
		select {
		case <-o.leaving[0].closed:
			o.leaving = o.leaving[1:]
		case <-limit.Done():
			for i := range todo {
				todo[i].err = cmp.Or(todo[i].err, errInUse)
			}
			return context.Cause(ctx)
		}
	}
	return nil
}

// unloadsFirst reports whether a model's versions are unloaded before their replacements
// are loaded.
func (o *operation[S]) unloadsFirst(d *directory) bool {
	if options, err := modelconfig.ReadLoadOptions(d.settings.config); err == nil && options.UnloadFirst != nil {
		return *options.UnloadFirst
	}
	return o.options.UnloadBeforeLoad
}
