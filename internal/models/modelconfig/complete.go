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

// Complete checks config, which may be nil, against the model and returns a copy in
// which what it leaves out is filled in: the name, the platform and the backend, the
// file's name, the version policy, inputs and outputs with their datatypes and
// dimensions, and the instance groups, as SetInstances says. config is not changed.
//
// name is the name of the model's directory. Without max_batch_size it stays 0, and
// dimensions are whole: Triton would take 4 where the first dimension of every tensor
// is open, which would change the shapes that clients see.
//
// Inputs are all of the model's, in its order. Outputs are those that config lists,
// or all where it lists none, in the model's order; an output that is no tensor is
// left out, since no client could read it.
//
// The error names every field that contradicts the model, with what both say.
func Complete(config *inference.ModelConfig, name string, platform engine.Platform, signature *engine.Signature) (*inference.ModelConfig, error) {
	r := &report{source: fromFile}
	completed := clone(config)
	if completed.GetName() != "" && completed.GetName() != name {
		r.problem("name is %q, but the model's directory is %q: give it the same name, or leave name out", completed.GetName(), name)
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
	if err := r.err(); err != nil {
		return nil, err
	}
	return completed, nil
}

func completeInputs(r *report, given []*inference.ModelInput, signature *engine.Signature, batches int32) []*inference.ModelInput {
	for _, in := range given {
		switch known := hasSpec(signature.Inputs, in.GetName()); {
		case !known && in.GetOptional():
			r.problem("input %q is not an input of the model, which has %s; inputs that have a default in the model are not taken: leave it out", in.GetName(), specNames(signature.Inputs))
		case !known:
			r.problem("input %q is not an input of the model, which has %s", in.GetName(), specNames(signature.Inputs))
		}
	}
	completed := make([]*inference.ModelInput, 0, len(signature.Inputs))
	for i := range signature.Inputs {
		spec := &signature.Inputs[i]
		at := slices.IndexFunc(given, func(in *inference.ModelInput) bool { return in.GetName() == spec.Name })
		in := &inference.ModelInput{Name: spec.Name}
		if at >= 0 {
			in = given[at]
		} else if len(given) > 0 {
			r.problem("input lists %d inputs without %q, which the model needs: list it, or leave input out", len(given), spec.Name)
		}
		in.DataType, in.Dims = fit(r, "input", spec, in.GetDataType(), in.GetDims(), batches)
		completed = append(completed, in)
	}
	return completed
}

func completeOutputs(r *report, given []*inference.ModelOutput, signature *engine.Signature, batches int32) []*inference.ModelOutput {
	for _, out := range given {
		if !hasSpec(signature.Outputs, out.GetName()) {
			r.problem("output %q is not an output of the model, which has %s", out.GetName(), specNames(signature.Outputs))
		}
	}
	completed := make([]*inference.ModelOutput, 0, len(signature.Outputs))
	for i := range signature.Outputs {
		spec := &signature.Outputs[i]
		at := slices.IndexFunc(given, func(out *inference.ModelOutput) bool { return out.GetName() == spec.Name })
		out := &inference.ModelOutput{Name: spec.Name}
		switch {
		case at >= 0 && spec.DataType == tensor.Invalid:
			r.problem("output %q is no tensor in the model, but a sequence or a map, which cannot be sent: leave it out", spec.Name)
			continue
		case at >= 0:
			out = given[at]
		case len(given) > 0, spec.DataType == tensor.Invalid:
			continue
		}
		out.DataType, out.Dims = fit(r, "output", spec, out.GetDataType(), out.GetDims(), batches)
		completed = append(completed, out)
	}
	return completed
}

func hasSpec(specs []engine.TensorSpec, name string) bool {
	return slices.ContainsFunc(specs, func(spec engine.TensorSpec) bool { return spec.Name == name })
}

// specNames lists the names of specs in quotes, not more than a reader takes in.
func specNames(specs []engine.TensorSpec) string {
	const most = 10
	if len(specs) == 0 {
		return "none"
	}
	var list []string
	for _, spec := range specs[:min(len(specs), most)] {
		list = append(list, strconv.Quote(spec.Name))
	}
	if more := len(specs) - most; more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

// indexed returns the name that Triton gives to a group without one.
func indexed(model string, i int) string {
	return model + "_" + strconv.Itoa(i)
}
