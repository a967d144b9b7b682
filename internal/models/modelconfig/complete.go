package modelconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Complete checks config, which may be nil, against the model. It returns a copy with
// defaults for missing fields: the name, the platform and the backend, the file name, the
// version policy, inputs and outputs with their datatypes and dimensions, the optimization,
// and the instance groups (see SetInstances). It does not modify config.
//
// name is the name of the model's directory. A missing max_batch_size stays 0, so that
// dims are complete shapes. Triton would use 4 when the first dimension of every tensor is
// dynamic, which would change the shapes that clients see.
//
// The result has all inputs of the model, in its order, also optional ones that config does
// not list. It has the outputs that config lists, in the order of config, whose first output is
// the one of the APIs that return one; or all in the model's order when config lists none. It
// omits an output that is not a tensor, since clients cannot read it.
//
// The error names every field that contradicts the model, with both values.
func Complete(config *inference.ModelConfig, name string, platform engine.Platform, signature *engine.Signature) (*inference.ModelConfig, error) {
	r := &report{source: fromFile}
	completed := clone(config)
	if completed.GetName() != "" && completed.GetName() != name {
		r.problem("name is %q, but the model's directory is %q: use the directory's name or remove name", completed.GetName(), name)
	}
	completed.Name = name
	completed.Platform, completed.Backend = platform.Name, platform.Backend
	completed.DefaultModelFilename = ModelFile(config, platform)
	if completed.GetVersionPolicy().GetPolicyChoice() == nil {
		completed.VersionPolicy = &inference.ModelVersionPolicy{PolicyChoice: &inference.ModelVersionPolicy_Latest_{Latest: &inference.ModelVersionPolicy_Latest{}}}
	}
	if latest := completed.GetVersionPolicy().GetLatest(); latest != nil {
		latest.NumVersions = max(latest.GetNumVersions(), 1)
	}
	batches := completed.GetMaxBatchSize()
	completed.Input = completeInputs(r, completed.GetInput(), signature, batches)
	completed.Output = completeOutputs(r, completed.GetOutput(), signature, batches)
	completed.InstanceGroup = completeInstances(config, name)
	completed.Optimization = completeOptimization(completed.GetOptimization())
	if err := r.err(); err != nil {
		return nil, err
	}
	return completed, nil
}

func completeInputs(r *report, configured []*inference.ModelInput, signature *engine.Signature, batches int32) []*inference.ModelInput {
	for _, in := range configured {
		switch known := hasSpec(signature.Inputs, in.GetName()); {
		case !known && in.GetOptional():
			r.problem("input %q is not an input of the model, which has %s: use its names. An initializer can be set if the file lists it among the inputs, too, and has IR version 4 or newer", in.GetName(), specNames(signature.Inputs))
		case !known:
			r.problem("input %q is not an input of the model, which has %s: use its names", in.GetName(), specNames(signature.Inputs))
		}
	}
	completed := make([]*inference.ModelInput, 0, len(signature.Inputs))
	for i := range signature.Inputs {
		spec := &signature.Inputs[i]
		at := slices.IndexFunc(configured, func(in *inference.ModelInput) bool { return in.GetName() == spec.Name })
		in := &inference.ModelInput{Name: spec.Name}
		if at >= 0 {
			in = configured[at]
		} else if len(configured) > 0 && !spec.Optional {
			r.problem("input lacks %q, which the model requires: add it, or remove input to use all of them", spec.Name)
		}
		if in.GetOptional() && !spec.Optional {
			r.problem("input %q has optional: true, but the model has no default for it: remove optional, or export the model with a default (an initializer of that name)", spec.Name)
		}
		in.Optional = spec.Optional
		in.DataType, in.Dims = fit(r, "input", spec, in.GetDataType(), in.GetDims(), batchesOf(spec, batches))
		completed = append(completed, in)
	}
	return completed
}

// batchesOf returns max_batch_size for an input with a batch dimension, and 0 for an optional
// one without: its dims are complete.
func batchesOf(spec *engine.TensorSpec, batches int32) int32 {
	if spec.Optional && !spec.HasBatch() {
		return 0
	}
	return batches
}

func completeOutputs(r *report, configured []*inference.ModelOutput, signature *engine.Signature, batches int32) []*inference.ModelOutput {
	for _, out := range configured {
		if !hasSpec(signature.Outputs, out.GetName()) {
			r.problem("output %q is not an output of the model, which has %s: use its names", out.GetName(), specNames(signature.Outputs))
		}
	}
	completed := make([]*inference.ModelOutput, 0, len(signature.Outputs))
	for i := range signature.Outputs {
		spec := &signature.Outputs[i]
		at := slices.IndexFunc(configured, func(out *inference.ModelOutput) bool { return out.GetName() == spec.Name })
		out := &inference.ModelOutput{Name: spec.Name}
		switch {
		case at >= 0 && spec.DataType == tensor.Invalid:
			r.problem("output %q is a sequence or a map in the model, which cannot be returned: remove it", spec.Name)
			continue
		case at >= 0:
			out = configured[at]
		case len(configured) > 0, spec.DataType == tensor.Invalid:
			continue
		}
		out.DataType, out.Dims = fit(r, "output", spec, out.GetDataType(), out.GetDims(), batches)
		completed = append(completed, out)
	}
	if len(configured) > 0 {
		slices.SortFunc(completed, func(a, b *inference.ModelOutput) int {
			return slices.Index(configured, a) - slices.Index(configured, b)
		})
	}
	return completed
}

func hasSpec(specs []engine.TensorSpec, name string) bool {
	return slices.ContainsFunc(specs, func(spec engine.TensorSpec) bool { return spec.Name == name })
}

// specNames lists the names of specs in quotes, at most maxNames of them.
func specNames(specs []engine.TensorSpec) string {
	const maxNames = 10
	if len(specs) == 0 {
		return "none"
	}
	var list []string
	for _, spec := range specs[:min(len(specs), maxNames)] {
		list = append(list, strconv.Quote(spec.Name))
	}
	if more := len(specs) - maxNames; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

// groupName returns the name that Triton assigns to an instance group without one.
func groupName(model string, i int) string {
	return model + "_" + strconv.Itoa(i)
}
