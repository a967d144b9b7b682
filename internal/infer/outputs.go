package infer

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// wantedOutput is an output to return.
type wantedOutput struct {
	Output
	// at is its index in the signature.
	at int
	// shape is its shape in the contract.
	shape tensor.Shape
}

// wanted returns the requested outputs, or all that are offered where none is requested.
// Each error names the output.
func (c *contract) wanted(asked []Output) ([]wantedOutput, error) {
	if len(asked) == 0 {
		wanted := make([]wantedOutput, len(c.outputs))
		for i := range c.outputs {
			wanted[i] = wantedOutput{Output{Name: c.outputs[i].Name}, c.places[i], c.outputs[i].Shape}
		}
		return wanted, nil
	}
	wanted := make([]wantedOutput, len(asked))
	for i, out := range asked {
		at := specIndex(c.outputs, out.Name)
		switch {
		case at < 0 && slices.Contains(c.unlisted, out.Name):
			return nil, Invalidf("output %q: the model's configuration leaves it out; it lists %s: list it there too, or request one of these", out.Name, TensorNames(c.outputs))
		case at < 0:
			return nil, Invalidf("output %q: the model has no output of that name; it has %s", out.Name, TensorNames(c.outputs))
		case slices.ContainsFunc(asked[:i], func(other Output) bool { return other.Name == out.Name }):
			return nil, Invalidf("output %q is requested twice: request it once", out.Name)
		case out.Classes > 0 && out.Region != nil:
			return nil, Invalidf("output %q is requested as classes and in shared memory: request one of them", out.Name)
		}
		wanted[i] = wantedOutput{out, c.places[at], c.outputs[at].Shape}
	}
	return wanted, nil
}

// takeOutputs returns the wanted outputs of computed, and writes those to shared memory
// that are wanted there.
func (r *Runner) takeOutputs(s *Serving, computed *engine.Result, wanted []wantedOutput) ([]ResultOutput, error) {
	outputs := make([]ResultOutput, len(wanted))
	for i, want := range wanted {
		t := computed.Outputs[want.at]
		if len(t.Shape) == 0 && isOne(want.shape) {
			t.Shape = want.shape // a scalar, as it is configured
		}
		if want.Classes > 0 {
			var err error
			if t, err = s.classify(want.at, t, want.Classes); err != nil {
				return nil, fmt.Errorf("output %q: %w", want.Name, err)
			}
		}
		outputs[i] = ResultOutput{want.Output, t}
		if want.Region != nil {
			if err := r.writeRegion(&outputs[i]); err != nil {
				return nil, fmt.Errorf("output %q: %w", want.Name, err)
			}
		}
	}
	return outputs, nil
}
