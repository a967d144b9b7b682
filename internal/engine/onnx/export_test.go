package onnx

import "github.com/tensorwire/tensorwire/internal/engine"

// ParseModel is parseModel, for the fuzz target.
var ParseModel = parseModel

// PlanOutputs returns how many outputs planOutputs plans.
func PlanOutputs(s *engine.Signature, limit int64) (int, error) {
	outputs, err := planOutputs(s, limit)
	return len(outputs), err
}
