package modelconfig

import (
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// maxInstances limits the instances of a model.
const maxInstances = 1024

// checkInstances validates instance_group, and warns about GPUs. GPUs are no error: the
// models of a repository for GPUs return the same results on the CPU. The count of such a
// group is the number of instances that fit a GPU, often 1, and no useful number for a
// CPU.
func checkInstances(r *report, config *inference.ModelConfig) {
	sum := int64(0)
	for i, group := range config.GetInstanceGroup() {
		name := elementName(group.ProtoReflect(), i)
		if group.GetCount() < 0 {
			r.problem("instance_group[%s].count is %d: use 1 or more, or remove it for the server's default", name, group.GetCount())
		}
		if group.GetKind() == inference.ModelInstanceGroup_KIND_GPU {
			r.warn("instance_group[%s].kind is KIND_GPU: the model runs on the CPU, and the group's count is ignored", name)
			continue
		}
		sum += int64(max(group.GetCount(), 0))
	}
	if sum > maxInstances {
		r.problem("the sum of the counts in instance_group is %d: the limit is %d", sum, maxInstances)
	}
}

// Instances returns the number of concurrent calls of the model: the sum of the counts of
// its groups, with 1 for a group without a count. It is 0, for the server's default, when
// no group has a count. Groups for GPUs do not count. config may be nil.
func Instances(config *inference.ModelConfig) int {
	sum, configured := int64(0), false
	for _, group := range config.GetInstanceGroup() {
		if group.GetKind() != inference.ModelInstanceGroup_KIND_GPU {
			sum += int64(max(group.GetCount(), 1))
			configured = configured || group.GetCount() > 0
		}
	}
	if !configured {
		return 0
	}
	return int(min(sum, math.MaxInt32))
}

// SetInstances writes the effective number of instances into a configuration that
// Complete returned, unless the configuration sets its own. It modifies config: call it
// before other goroutines read config.
func SetInstances(config *inference.ModelConfig, count int) {
	if groups := config.GetInstanceGroup(); len(groups) > 0 && Instances(config) == 0 {
		groups[0].Count = int32(min(count, math.MaxInt32))
	}
}

// completeInstances returns the effective groups: on the CPU, with the names that Triton
// assigns. When none has a count, there is one group without a count, for SetInstances to
// fill in.
func completeInstances(config *inference.ModelConfig, model string) []*inference.ModelInstanceGroup {
	var groups []*inference.ModelInstanceGroup
	configured := Instances(config) > 0
	for i, group := range config.GetInstanceGroup() {
		if configured && group.GetKind() == inference.ModelInstanceGroup_KIND_GPU {
			continue
		}
		group = proto.CloneOf(group)
		if group.GetName() == "" {
			group.Name = groupName(model, i)
		}
		if group.Count = max(group.GetCount(), 1); !configured {
			group.Count = 0
		}
		group.Kind = inference.ModelInstanceGroup_KIND_CPU
		if groups = append(groups, group); !configured {
			return groups
		}
	}
	if len(groups) == 0 {
		groups = append(groups, &inference.ModelInstanceGroup{Name: model, Kind: inference.ModelInstanceGroup_KIND_CPU})
	}
	return groups
}
