package modelconfig

import (
	"maps"
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// checkBatching checks dynamic_batching for itself, as Triton does, so that the
// scheduler can take it as it is.
func checkBatching(r *report, config *inference.ModelConfig) {
	batching := config.GetDynamicBatching()
	if batching == nil {
		return
	}
	most := config.GetMaxBatchSize()
	for _, n := range batching.GetPreferredBatchSize() {
		if n < 1 || n > most {
			r.problem("dynamic_batching.preferred_batch_size has %d: use sizes from 1 to max_batch_size, which is %d", n, most)
			break
		}
	}
	checkPriorities(r, batching)
	if !batching.GetPreserveOrdering() {
		return
	}
	// Answers in the order of requests leave no room for requests that overtake.
	if levels := batching.GetPriorityLevels(); levels > 1 {
		r.problem("dynamic_batching.preserve_ordering is true and priority_levels is %d: leave one of them out", levels)
	}
	delays := func(policy *inference.ModelQueuePolicy) bool {
		return policy.GetTimeoutAction() == inference.ModelQueuePolicy_DELAY && policy.GetDefaultTimeoutMicroseconds() > 0
	}
	policies := slices.Collect(maps.Values(batching.GetPriorityQueuePolicy()))
	if slices.ContainsFunc(append(policies, batching.GetDefaultQueuePolicy()), delays) {
		r.problem("dynamic_batching.preserve_ordering is true and a queue policy's timeout_action is DELAY: use REJECT, or leave preserve_ordering out")
	}
}

// maxPriorityLevels bounds the levels of a queue, which are all looked through.
const maxPriorityLevels = 1024

// checkPriorities checks the levels of priority. Without any, what is said of them is
// not followed, as with Triton.
func checkPriorities(r *report, batching *inference.ModelDynamicBatching) {
	levels := batching.GetPriorityLevels()
	if levels == 0 {
		if batching.GetDefaultPriorityLevel() > 0 {
			r.warn("dynamic_batching.default_priority_level is not followed: priority_levels is 0")
		}
		if len(batching.GetPriorityQueuePolicy()) > 0 {
			r.warn("dynamic_batching.priority_queue_policy is not followed: priority_levels is 0, and all requests have default_queue_policy")
		}
		return
	}
	if levels > maxPriorityLevels {
		r.problem("dynamic_batching.priority_levels is %d: the most is %d", levels, maxPriorityLevels)
		return
	}
	if level := batching.GetDefaultPriorityLevel(); level < 1 || level > levels {
		r.problem("dynamic_batching.default_priority_level is %d: use a level from 1 to priority_levels, which is %d", level, levels)
	}
	for _, level := range slices.Sorted(maps.Keys(batching.GetPriorityQueuePolicy())) {
		if level < 1 || level > levels {
			r.problem("dynamic_batching.priority_queue_policy has level %d: use levels from 1 to priority_levels, which is %d", level, levels)
		}
	}
}
