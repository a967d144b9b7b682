package app

import (
	"context"
	"log/slog"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// schedule returns the decorator that puts each version's session behind its queue, and
// that behind the response cache when the model's configuration enables it.
func schedule(c *config.Config, cache *respcache.Cache, log *slog.Logger) func(engine.Session, *infer.Version) engine.Session {
	defaults := modelconfig.ServerDefaults{Instances: c.Instances, MaxQueue: c.MaxQueue, MaxQueueBytes: int64(c.MaxQueueBytes), HangTimeout: c.HangTimeout, MaxRun: c.RunTimeout, ProbeBytes: int64(c.ProbeInputBytes)}
	if defaults.ProbeBytes == 0 {
		defaults.ProbeBytes = -1 // none; 0 would be the scheduler's default
	}
	return func(session engine.Session, v *infer.Version) engine.Session {
		options := modelconfig.SchedulerOptions(v.Config, defaults)
		options.Observer = v.Statistics
		options.Logger = log.With("model", v.Model, "version", v.Number)
		options.Batching = proven(session, options)
		session = scheduler.New(session, options)
		if modelconfig.CachesResponses(v.Config) {
			session = cache.Wrap(session, v.Statistics)
		}
		return session
	}
}

// proven returns how the requests of a session are batched: as its configuration says, or
// not at all when a batch could give a request the rows of another.
func proven(session engine.Session, options scheduler.Options) *scheduler.Batching {
	b := options.Batching
	if b == nil || b.MaxSize < 2 {
		return b
	}
	ctx, cancel := context.WithTimeout(context.Background(), options.MaxRun)
	defer cancel()
	err := scheduler.CheckBatching(ctx, session, b.MaxSize)
	if err == nil {
		return b
	}
	options.Logger.Warn("dynamic_batching is off: requests run alone", "reason", err)
	if !b.PreserveOrdering {
		return nil
	}
	return &scheduler.Batching{MaxSize: 1, PreserveOrdering: true} // the order remains
}
