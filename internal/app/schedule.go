package app

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// schedule returns the decorator of sessions: each version has a scheduler in front of
// its session, and the response cache in front of that if its configuration enables it.
func schedule(c *config.Config, cache *respcache.Cache) func(engine.Session, *repository.Version) engine.Session {
	return func(session engine.Session, v *repository.Version) engine.Session {
		options := schedulerOptions(c, v.Config)
		options.Observer = v.Statistics
		session = scheduler.New(session, options)
		if v.Config.GetResponseCache().GetEnable() {
			session = cache.Wrap(session, v.Statistics)
		}
		return session
	}
}

// schedulerOptions returns the scheduling of a model. The model's configuration overrides
// the server's. A model without instance groups gets the server's number of instances,
// also in its configuration.
func schedulerOptions(c *config.Config, model *inference.ModelConfig) scheduler.Options {
	options := scheduler.Options{
		Instances:      modelconfig.Instances(model),
		MaxQueue:       c.MaxQueue,
		MaxQueueBytes:  int64(c.MaxQueueBytes),
		HangTimeout:    c.HangTimeout,
		BatchDimension: model.GetMaxBatchSize() > 0,
		// Without a queue policy, the request's timeout applies.
		Levels: []scheduler.Policy{{Override: true}},
	}
	if options.Instances == 0 {
		options.Instances = cmp.Or(c.Instances, runtime.GOMAXPROCS(0))
		modelconfig.SetInstances(model, options.Instances)
	}
	batching := model.GetDynamicBatching()
	if batching == nil {
		return options
	}
	// A batch of one request still keeps the order.
	if model.GetMaxBatchSize() > 1 || batching.GetPreserveOrdering() {
		options.Batching = &scheduler.Batching{
			MaxSize:          max(int(model.GetMaxBatchSize()), 1),
			Preferred:        preferredSizes(batching),
			MaxDelay:         microseconds(batching.GetMaxQueueDelayMicroseconds()),
			PreserveOrdering: batching.GetPreserveOrdering(),
		}
	}
	if batching.GetPriorityLevels() == 0 {
		options.Levels = []scheduler.Policy{queuePolicy(batching.GetDefaultQueuePolicy())}
		return options
	}
	options.Levels = make([]scheduler.Policy, batching.GetPriorityLevels())
	for i := range options.Levels {
		policy, own := batching.GetPriorityQueuePolicy()[uint64(i)+1]
		if !own {
			policy = batching.GetDefaultQueuePolicy()
		}
		options.Levels[i] = queuePolicy(policy)
	}
	options.DefaultLevel = int(batching.GetDefaultPriorityLevel())
	return options
}

func preferredSizes(batching *inference.ModelDynamicBatching) []int {
	sizes := make([]int, len(batching.GetPreferredBatchSize()))
	for i, n := range batching.GetPreferredBatchSize() {
		sizes[i] = int(n)
	}
	slices.Sort(sizes)
	return sizes
}

func queuePolicy(policy *inference.ModelQueuePolicy) scheduler.Policy {
	return scheduler.Policy{
		MaxQueue: int(policy.GetMaxQueueSize()),
		Timeout:  microseconds(policy.GetDefaultTimeoutMicroseconds()),
		Override: policy.GetAllowTimeoutOverride(),
		Delay:    policy.GetTimeoutAction() == inference.ModelQueuePolicy_DELAY,
	}
}

// microseconds returns n microseconds, at most the longest Duration.
func microseconds(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
}
