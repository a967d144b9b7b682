package modelconfig

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// SelectVersions returns the versions that the version policy serves, newest first, out of
// available, a model's version numbers in any order. Without a policy, and for latest
// without a number, this is the newest one. config may be nil. MissingVersions returns
// the listed versions that are not available.
func SelectVersions(config *inference.ModelConfig, available []int64) []int64 {
	versions := slices.Clone(available)
	slices.SortFunc(versions, func(a, b int64) int { return int(min(max(b-a, -1), 1)) })
	versions = slices.Compact(versions)
	policy := config.GetVersionPolicy()
	switch {
	case policy.GetAll() != nil:
		return versions
	case policy.GetSpecific() != nil:
		listed := policy.GetSpecific().GetVersions()
		return slices.DeleteFunc(versions, func(v int64) bool { return !slices.Contains(listed, v) })
	default:
		n := int64(max(policy.GetLatest().GetNumVersions(), 1))
		return versions[:min(n, int64(len(versions)))]
	}
}

// MissingVersions returns the versions that the policy lists and that are not in
// available, in the policy's order; nil when the policy lists none. config may be nil.
func MissingVersions(config *inference.ModelConfig, available []int64) []int64 {
	var missing []int64
	for _, v := range config.GetVersionPolicy().GetSpecific().GetVersions() {
		if !slices.Contains(available, v) && !slices.Contains(missing, v) {
			missing = append(missing, v)
		}
	}
	return missing
}
