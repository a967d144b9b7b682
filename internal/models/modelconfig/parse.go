package modelconfig

import (
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxText bounds a configuration, in bytes. Those of models with thousands of inputs
// have some hundred thousand.
const maxText = 1 << 20

// Where configurations come from, as errors and warnings begin.
const (
	fromFile    = "config.pbtxt"
	fromRequest = "config"
)

// Parse reads config.pbtxt: the protobuf text of a ModelConfig.
//
// An error begins "config.pbtxt: " and names the line and the column, from 1, where
// the text is no ModelConfig; and the field, what it has and what fits, where it is
// one that cannot be followed. Each field that is unknown, or known and not followed,
// is a warning that names it, with the line and the column where it is unknown. Both
// are fit for clients. platforms are those that the configuration may name.
func Parse(text []byte, platforms engine.Platforms) (config *inference.ModelConfig, warnings []string, err error) {
	r := &report{source: fromFile}
	if len(text) > maxText {
		return nil, nil, fmt.Errorf("%s: it has %d bytes, the most is %d", fromFile, len(text), maxText)
	}
	config, unknown, bad := unmarshalText(text)
	if bad != nil {
		return nil, nil, fmt.Errorf("%s: %w", fromFile, bad)
	}
	for _, f := range unknown {
		r.warn("%v", f)
	}
	return check(r, config, platforms)
}

// ParseJSON reads the configuration of a load request: a ModelConfig in protobuf's
// JSON, with names as in the text or in camel case and 64-bit integers as numbers or
// as strings. Errors and warnings are as Parse's, but begin "config: ", and unknown
// fields are named by their path alone.
func ParseJSON(text []byte, platforms engine.Platforms) (config *inference.ModelConfig, warnings []string, err error) {
	r := &report{source: fromRequest}
	if len(text) > maxText {
		return nil, nil, fmt.Errorf("%s: it has %d bytes, the most is %d", fromRequest, len(text), maxText)
	}
	config, bad := unmarshalJSON(r, text)
	if bad != nil {
		return nil, nil, fmt.Errorf("%s: %w", fromRequest, bad)
	}
	return check(r, config, platforms)
}

// check checks what can be checked without the model.
func check(r *report, config *inference.ModelConfig, platforms engine.Platforms) (*inference.ModelConfig, []string, error) {
	checkFields(r, config)
	checkPlatform(r, config, platforms)
	checkModel(r, config, platforms)
	checkTensors(r, config)
	checkInstances(r, config)
	checkParameters(r, config)
	checkBatching(r, config)
	if err := r.err(); err != nil {
		return nil, nil, err
	}
	return config, r.allWarnings(), nil
}
