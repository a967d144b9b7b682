package handler

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// wantedOutput is an output that is wanted.
type wantedOutput struct {
	inferOutput
	// at is its place in the signature.
	at int
	// shape is what the contract says of its shape.
	shape tensor.Shape
}

// wanted finds the outputs that were asked for; where none were, they are all that are
// offered. Each error names the output.
func (c *contract) wanted(asked []inferOutput) ([]wantedOutput, error) {
	if len(asked) == 0 {
		wanted := make([]wantedOutput, len(c.outputs))
		for i := range c.outputs {
			wanted[i] = wantedOutput{inferOutput{name: c.outputs[i].Name}, c.places[i], c.outputs[i].Shape}
		}
		return wanted, nil
	}
	wanted := make([]wantedOutput, len(asked))
	for i, out := range asked {
		at := specIndex(c.outputs, out.name)
		switch {
		case at < 0:
			return nil, invalidf("output %q: the model gives no tensor of that name; it gives %s", out.name, tensorNames(c.outputs))
		case slices.ContainsFunc(asked[:i], func(other inferOutput) bool { return other.name == out.name }):
			return nil, invalidf("output %q is asked for twice", out.name)
		case out.classes > 0 && out.region != nil:
			return nil, invalidf("output %q is asked for as classes and in shared memory: ask for one of them", out.name)
		}
		wanted[i] = wantedOutput{out, c.places[at], c.outputs[at].Shape}
	}
	return wanted, nil
}

// takeOutputs returns the outputs that are wanted of what the model computed, and
// writes those to shared memory that are wanted there.
func (s *Inference) takeOutputs(v *Version, computed *engine.Result, wanted []wantedOutput) ([]inferredOutput, error) {
	outputs := make([]inferredOutput, len(wanted))
	for i, want := range wanted {
		t := computed.Outputs[want.at]
		if len(t.Shape) == 0 && isOne(want.shape) {
			t.Shape = want.shape // a scalar, as it is configured
		}
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
