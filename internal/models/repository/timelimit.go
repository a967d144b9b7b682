package repository

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// ActiveLoad is a load inside the engine.
type ActiveLoad struct {
	Model   string
	Version int64
	// Since is the time when it began.
	Since time.Time
	// Abandoned reports that its result is not awaited any more: it exceeded its time limit,
	// or the model was unloaded meanwhile.
	Abandoned bool
}

// ActiveLoads returns the loads inside the engine, those that began first at the front.
func (r *Repository[S]) ActiveLoads() []ActiveLoad {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	loads := make([]ActiveLoad, 0, len(r.active))
	for load := range r.active {
		loads = append(loads, *load)
	}
	slices.SortFunc(loads, func(a, b ActiveLoad) int { return a.Since.Compare(b.Since) })
	return loads
}

// enter registers a load inside the engine, unless too many were abandoned there. The
// caller calls exit.
func (r *Repository[S]) enter(name string, number int64) (*ActiveLoad, error) {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	abandoned := 0
	for load := range r.active {
		if load.Abandoned {
			abandoned++
		}
	}
	if abandoned >= maxAbandoned {
		return nil, fmt.Errorf("%w (%d): restart the server if they do not end", errAbandonedLoads, abandoned)
	}
	load := &ActiveLoad{Model: name, Version: number, Since: time.Now()}
	r.active[load] = struct{}{}
	r.sessions.Add(1) // the caller's operation has not ended, so Close does not wait for sessions yet
	return load, nil
}

func (r *Repository[S]) exit(load *ActiveLoad) {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	delete(r.active, load)
	r.sessions.Done()
}

func (r *Repository[S]) abandon(load *ActiveLoad) {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	load.Abandoned = true
}

// result is the result of a load.
type result[S any] struct {
	version *Version[S]
	err     error
}

// loadWithin loads a version within the model's time limit. It returns when ctx or the limit
// ends, also when the engine does not: that load is then abandoned.
func (r *Repository[S]) loadWithin(ctx context.Context, name string, src *source, d *directory, v versionDir) (*Version[S], error) {
	load, err := r.enter(name, v.number)
	if err != nil {
		return nil, err
	}
	ctx, cancel := r.withLoadTimeout(ctx, d)
	defer cancel()
	done, abandoned := make(chan result[S]), make(chan struct{})
	src.retain()
	go func() {
		defer r.exit(load)
		defer r.releaseSource(name, src)
		version, err := r.load(ctx, name, src, d, v)
		select {
		case done <- result[S]{version, err}:
		case <-abandoned:
			if version != nil && version.instance.release() {
				version.instance.close()
			}
			r.options.Logger.Info("an abandoned load has ended", "model", name, "version", v.number, "took", time.Since(load.Since).Round(time.Millisecond))
		}
	}()
	select {
	case result := <-done:
		if result.err != nil && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return result.version, result.err
	case <-ctx.Done():
		r.abandon(load)
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
