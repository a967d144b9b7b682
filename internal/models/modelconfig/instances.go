package modelconfig

import (
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// maxInstances bounds the instances of a model.
const maxInstances = 1024

// checkInstances checks instance_group, and warns where it asks for GPUs. It is no
// error: a repository that was made for GPUs says so in every file, and its models
// give the same answers on the CPU. The count of such a group says how many instances
// fit a GPU, which is mostly 1; the server's own number serves better.
func checkInstances(r *report, config *inference.ModelConfig) {
	sum := int64(0)
	for i, group := range config.GetInstanceGroup() {
		name := elementName(group.ProtoReflect(), i)
		if group.GetCount() < 0 {
			r.problem("instance_group[%s].count is %d: use a number of instances, or leave it out for the server's", name, group.GetCount())
		}
		if group.GetKind() == inference.ModelInstanceGroup_KIND_GPU {
			r.warn("instance_group[%s].kind is KIND_GPU: the model runs on the CPU, and the group's count is not used", name)
			continue
		}
		sum += int64(max(group.GetCount(), 0))
	}
	if sum > maxInstances {
		r.problem("the counts of instance_group come to %d: the most is %d", sum, maxInstances)
	}
}

// Instances returns how many calls of the model run at once: the sum of the counts of
// its groups, where a group without a count has 1. It is 0, the server's own number,
// where no group has a count; groups of GPUs are passed over. config may be nil.
func Instances(config *inference.ModelConfig) int {
	sum, given := int64(0), false
	for _, group := range config.GetInstanceGroup() {
		if group.GetKind() != inference.ModelInstanceGroup_KIND_GPU {
			sum += int64(max(group.GetCount(), 1))
			given = given || group.GetCount() > 0
		}
	}
	if !given {
		return 0
	}
	return int(min(sum, math.MaxInt32))
}

// SetInstances writes into a configuration that Complete returned how many instances
// the server has for the model, where the configuration itself does not say. It
// changes config: call it before others read it.
func SetInstances(config *inference.ModelConfig, count int) {
	if groups := config.GetInstanceGroup(); len(groups) > 0 && Instances(config) == 0 {
		groups[0].Count = int32(min(count, math.MaxInt32))
	}
}

// completeInstances returns the groups as they run: on the CPU, with the names that
// Triton gives them. Where none has a count there is one group without a count, for
// SetInstances to fill in.
func completeInstances(config *inference.ModelConfig, model string) []*inference.ModelInstanceGroup {
	var groups []*inference.ModelInstanceGroup
	given := Instances(config) > 0
	for i, group := range config.GetInstanceGroup() {
		if given && group.GetKind() == inference.ModelInstanceGroup_KIND_GPU {
			continue
		}
		group = proto.CloneOf(group)
		if group.GetName() == "" {
			group.Name = indexed(model, i)
		}
		if group.Count = max(group.GetCount(), 1); !given {
			group.Count = 0
		}
		group.Kind = inference.ModelInstanceGroup_KIND_CPU
		if groups = append(groups, group); !given {
			return groups
		}
	}
	if len(groups) == 0 {
		groups = append(groups, &inference.ModelInstanceGroup{Name: model, Kind: inference.ModelInstanceGroup_KIND_CPU})
	}
	return groups
}
