package modelconfig

import (
	"maps"
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// checkBatching validates dynamic_batching, with Triton's rules, so that SchedulerOptions
// does not need to.
func checkBatching(r *report, config *inference.ModelConfig) {
	batching := config.GetDynamicBatching()
	if batching == nil {
		return
	}
	limit := config.GetMaxBatchSize()
	for _, n := range batching.GetPreferredBatchSize() {
		if n < 1 || n > limit {
			r.problem("dynamic_batching.preferred_batch_size has %d: use sizes from 1 to max_batch_size (%d)", n, limit)
			break
		}
	}
	checkPriorities(r, batching)
	if !batching.GetPreserveOrdering() {
		return
	}
	// Responses in request order exclude reordering by priority or timeout.
	if levels := batching.GetPriorityLevels(); levels > 1 {
		r.problem("dynamic_batching.preserve_ordering is true and priority_levels is %d: remove one of them", levels)
	}
	delays := func(policy *inference.ModelQueuePolicy) bool {
		return policy.GetTimeoutAction() == inference.ModelQueuePolicy_DELAY && policy.GetDefaultTimeoutMicroseconds() > 0
	}
	policies := slices.Collect(maps.Values(batching.GetPriorityQueuePolicy()))
	if slices.ContainsFunc(append(policies, batching.GetDefaultQueuePolicy()), delays) {
		r.problem("dynamic_batching.preserve_ordering is true and a queue policy's timeout_action is DELAY: use REJECT or remove preserve_ordering")
	}
}

// maxPriorityLevels limits the levels of a queue: the scheduler iterates over all of them.
const maxPriorityLevels = 1024

// checkPriorities validates the priority levels. Without levels, the fields that refer to
// them are ignored, as in Triton.
func checkPriorities(r *report, batching *inference.ModelDynamicBatching) {
	levels := batching.GetPriorityLevels()
	if levels == 0 {
		if batching.GetDefaultPriorityLevel() > 0 {
			r.warn("dynamic_batching.default_priority_level is ignored: priority_levels is 0")
		}
		if len(batching.GetPriorityQueuePolicy()) > 0 {
			r.warn("dynamic_batching.priority_queue_policy is ignored: priority_levels is 0, and default_queue_policy applies to all requests")
		}
		return
	}
	if levels > maxPriorityLevels {
		r.problem("dynamic_batching.priority_levels is %d: the limit is %d", levels, maxPriorityLevels)
		return
	}
	if level := batching.GetDefaultPriorityLevel(); level < 1 || level > levels {
		r.problem("dynamic_batching.default_priority_level is %d: use a level from 1 to priority_levels (%d)", level, levels)
	}
	for _, level := range slices.Sorted(maps.Keys(batching.GetPriorityQueuePolicy())) {
		if level < 1 || level > levels {
			r.problem("dynamic_batching.priority_queue_policy has level %d: use levels from 1 to priority_levels (%d)", level, levels)
		}
	}
}
