package modelconfig

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// ServerDefaults are the settings of the server that hold for every model, or for models
// whose configuration does not set its own.
type ServerDefaults struct {
	// Instances is the number of instances of a model without instance_group.count. 0:
	// one for each CPU that Go may use.
	Instances int
	// MaxQueue and MaxQueueBytes limit the queue of each model, in requests and in
	// bytes of their inputs. 0: the scheduler's defaults.
	MaxQueue      int
	MaxQueueBytes int64
	// HangTimeout is how long a call into the engine may take before the model is marked
	// unhealthy. 0: the scheduler's default.
	HangTimeout time.Duration
	// MaxRun is the maximum duration of a run. 0: the scheduler's default.
	MaxRun time.Duration
	// ProbeBytes limits the inputs that are kept to check a model's health, in bytes. 0: the
	// scheduler's default; negative: none are kept.
	ProbeBytes int64
}

// SchedulerOptions returns how a model is scheduled: its instances, batching and queue
// policies come from the configuration, the rest from defaults. When the configuration
// sets no number of instances, the effective number is written into config, as with
// [SetInstances], so that clients see it. The caller sets the Observer.
func SchedulerOptions(config *inference.ModelConfig, defaults ServerDefaults) scheduler.Options {
	options := scheduler.Options{
		Instances:      Instances(config),
		MaxQueue:       defaults.MaxQueue,
		MaxQueueBytes:  defaults.MaxQueueBytes,
		HangTimeout:    defaults.HangTimeout,
		MaxRun:         defaults.MaxRun,
		ProbeBytes:     defaults.ProbeBytes,
		BatchDimension: config.GetMaxBatchSize() > 0,
		// Without a queue policy, a request's own timeout applies.
		Levels: []scheduler.Policy{{Override: true}},
	}
	if options.Instances == 0 {
		options.Instances = cmp.Or(defaults.Instances, runtime.GOMAXPROCS(0))
		SetInstances(config, options.Instances)
	}
	applyLimits(&options, config)
	batching := config.GetDynamicBatching()
	if batching == nil {
		return options
	}
	// A batch of one joins nothing, but still has its place in the order of responses.
	if config.GetMaxBatchSize() > 1 || batching.GetPreserveOrdering() {
		options.Batching = &scheduler.Batching{
			MaxSize:          max(int(config.GetMaxBatchSize()), 1),
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
		policy, found := batching.GetPriorityQueuePolicy()[uint64(i)+1]
		if !found {
			policy = batching.GetDefaultQueuePolicy()
		}
		options.Levels[i] = queuePolicy(policy)
	}
	options.DefaultLevel = int(batching.GetDefaultPriorityLevel())
	return options
}

// CachesResponses reports whether the configuration enables the response cache for the
// model.
func CachesResponses(config *inference.ModelConfig) bool {
	return config.GetResponseCache().GetEnable()
}

// preferredSizes returns the preferred batch sizes, ascending.
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

// microseconds returns n microseconds, at most the largest Duration.
func microseconds(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/uint64(time.Microsecond))) * time.Microsecond
}
