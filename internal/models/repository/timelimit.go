package repository

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// result is the result of a load.
type result[S any] struct {
	version *Version[S]
	err     error
}

// loadWithin loads a version within the model's time limit. It returns when ctx or the limit
// ends, also when the engine does not: that load is then abandoned.
func (o *operation[S]) loadWithin(ctx context.Context, src *source, d *directory, v versionDir) (*Version[S], error) {
	ctx, cancel := o.withLoadTimeout(ctx, d)
	defer cancel()
	src.retain()
	loaded, err := within(ctx, o, task[result[S]]{
		// Close does not wait for sessions yet, because it waits for this operation first.
		start: o.sessions.Go,
		log:   o.options.Logger.With("model", o.name, "version", v.number),
		run: func() result[S] {
			defer o.releaseSource(o.name, src)
			version, err := o.Repository.load(ctx, o.name, src, d, v)
			return result[S]{version, err}
		},
		discard: func(loaded result[S]) {
			if loaded.version != nil && loaded.version.instance.release() {
				loaded.version.instance.close()
			}
		},
	})
	switch {
	case err != nil:
		return nil, err
	case loaded.err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return loaded.version, loaded.err
}

// withLoadTimeout returns a context that ends after the time limit of a model's loads, with
// an engine.ErrTimeLimit as the cause. d is nil before the model's directory was read. The
// caller cancels it.
func (r *Repository[S]) withLoadTimeout(ctx context.Context, d *directory) (context.Context, context.CancelFunc) {
	limit := r.options.LoadTimeout
	if d != nil {
		if options, err := modelconfig.ReadLoadOptions(d.settings.config); err == nil && options.Timeout > 0 {
			limit = options.Timeout
		}
	}
	return context.WithTimeoutCause(ctx, limit, setting.Errorf("%w: it was not loaded within %v (%s)", engine.ErrTimeLimit, limit, setting.LoadTimeout))
}
