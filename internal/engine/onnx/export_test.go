package onnx

import (
	"io"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// ParseModel returns the signature that parseModel finds.
func ParseModel(r io.ReadSeeker, size int64) (*engine.Signature, error) {
	m, err := parseModel(r, size)
	if err != nil {
		return nil, err
	}
	return m.signature, nil
}

// PlanOutputs returns how many outputs planOutputs plans.
func PlanOutputs(s *engine.Signature, limit int64) (int, error) {
	if err := checkTensors(s, limit); err != nil {
		return 0, err
	}
	return len(planOutputs(&model{signature: s}, limit)), nil
}

// WithoutLocations is withoutLocations.
var WithoutLocations = withoutLocations
