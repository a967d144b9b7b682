package handler

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/repository"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// wantedOutput is an output that is wanted, and its place in the signature.
type wantedOutput struct {
	inferOutput
	at int
}

// wantedOutputs finds the outputs that were asked for in the signature; where none
// were, they are all that are tensors. Each error names the output.
func wantedOutputs(signature *engine.Signature, asked []inferOutput) ([]wantedOutput, error) {
	specs := signature.Outputs
	if len(asked) == 0 {
		wanted := make([]wantedOutput, 0, len(specs))
		for i := range specs {
			if specs[i].DataType != tensor.Invalid {
				wanted = append(wanted, wantedOutput{inferOutput{name: specs[i].Name}, i})
			}
		}
		return wanted, nil
	}
	wanted := make([]wantedOutput, len(asked))
	seen := make(map[int]bool, len(asked))
	for i, out := range asked {
		at := specIndex(specs, out.name)
		switch {
		case at < 0:
			return nil, invalidf("output %q: the model gives no output of that name; it gives %s", out.name, tensorNames(specs))
		case seen[at]:
			return nil, invalidf("output %q is asked for twice", out.name)
		case specs[at].DataType == tensor.Invalid:
			return nil, fmt.Errorf("%w: output %q is no tensor", engine.ErrUnsupported, out.name)
		case out.classes > 0 && out.region != nil:
			return nil, invalidf("output %q is asked for as classes and in shared memory: ask for one of them", out.name)
		}
		seen[at] = true
		wanted[i] = wantedOutput{out, at}
	}
	return wanted, nil
}

// takeOutputs returns the outputs that are wanted of what the model computed, and
// writes those to shared memory that are wanted there.
func (s *Inference) takeOutputs(v *repository.Version, computed *engine.Result, wanted []wantedOutput) ([]inferredOutput, error) {
	outputs := make([]inferredOutput, len(wanted))
	for i, want := range wanted {
		t := computed.Outputs[want.at]
		if want.classes > 0 {
			var err error
			if t, err = classify(v, want.at, t, want.classes); err != nil {
				return nil, fmt.Errorf("output %q: %w", want.name, err)
			}
		}
		outputs[i] = inferredOutput{want.inferOutput, t}
		if want.region != nil {
			if err := s.writeRegion(&outputs[i]); err != nil {
				return nil, fmt.Errorf("output %q: %w", want.name, err)
			}
		}
	}
	return outputs, nil
}
