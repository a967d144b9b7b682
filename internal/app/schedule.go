package app

import (
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
	defaults := modelconfig.ServerDefaults{Instances: c.Instances, MaxQueue: c.MaxQueue, MaxQueueBytes: int64(c.MaxQueueBytes), HangTimeout: c.HangTimeout}
	return func(session engine.Session, v *infer.Version) engine.Session {
		options := modelconfig.SchedulerOptions(v.Config, defaults)
		options.Observer = v.Statistics
		options.Logger = log.With("model", v.Model, "version", v.Number)
		session = scheduler.New(session, options)
		if modelconfig.CachesResponses(v.Config) {
			session = cache.Wrap(session, v.Statistics)
		}
		return session
	}
}
