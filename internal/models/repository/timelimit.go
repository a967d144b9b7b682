package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// maxAbandoned bounds the loads that were abandoned and have not returned from the engine.
// Each may occupy a thread and the memory of a model.
const maxAbandoned = 8

// errAbandonedLoads reports that no load starts because of maxAbandoned.
var errAbandonedLoads = errors.New("too many abandoned loads are still inside the engine")

// AbandonedLoads returns the number of loads that were abandoned and are still inside the
// engine: they exceeded their time limit, or their model was unloaded meanwhile.
func (r *Repository[S]) AbandonedLoads() int { return int(r.abandoned.Load()) }

// result is the result of a load.
type result[S any] struct {
	version *Version[S]
	err     error
}

// loadWithin loads a version within the model's time limit. It returns when ctx or the limit
// ends, also when the engine does not: that load is then abandoned.
func (r *Repository[S]) loadWithin(ctx context.Context, name string, src *source, d *directory, v versionDir) (*Version[S], error) {
	if n := r.AbandonedLoads(); n >= maxAbandoned {
		return nil, fmt.Errorf("%w (%d): restart the server if they do not end", errAbandonedLoads, n)
	}
	ctx, cancel := r.withLoadTimeout(ctx, d)
	defer cancel()
	done, abandoned := make(chan result[S]), make(chan struct{})
	src.retain()
	// Close does not wait for sessions yet, because it waits for this operation first.
	r.sessions.Go(func() {
		start := time.Now()
		version, err := r.load(ctx, name, src, d, v)
		r.releaseSource(name, src) // before the caller learns of the end
		select {
		case done <- result[S]{version, err}:
		case <-abandoned:
			if version != nil && version.instance.release() {
				version.instance.close()
			}
			r.abandoned.Add(-1)
			r.options.Logger.Info("an abandoned load has ended", "model", name, "version", v.number, "took", time.Since(start).Round(time.Millisecond))
		}
	})
	select {
	case result := <-done:
		if result.err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return result.version, result.err
	case <-ctx.Done():
		r.abandoned.Add(1)
		close(abandoned)
		return nil, context.Cause(ctx)
	}
}

// withLoadTimeout returns a context that ends after the time limit of a model's loads, with
// an engine.ErrTimeLimit as the cause. The caller cancels it.
func (r *Repository[S]) withLoadTimeout(ctx context.Context, d *directory) (context.Context, context.CancelFunc) {
	limit := r.options.LoadTimeout
	if options, err := modelconfig.ReadLoadOptions(d.settings.config); err == nil && options.Timeout > 0 {
		limit = options.Timeout
	}
	return context.WithTimeoutCause(ctx, limit, setting.Errorf("%w: it was not loaded within %v (%s)", engine.ErrTimeLimit, limit, setting.LoadTimeout))
}
