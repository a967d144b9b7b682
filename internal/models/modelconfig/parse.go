package modelconfig

import (
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxText limits a configuration, in bytes. Models with thousands of inputs have some
// hundred thousand.
const maxText = 1 << 20

// The sources of configurations: the prefix of errors and warnings.
const (
	fromFile    = "config.pbtxt"
	fromRequest = "config"
)

// Parse reads config.pbtxt: the protobuf text of a ModelConfig.
//
// An error begins with "config.pbtxt: ". For a text that is not a ModelConfig it has the
// line and the column, both from 1. For an unsupported field it has the field, its value
// and the accepted values. Each unknown or ignored field is a warning with its name, and
// with its line and column when it is unknown. Errors and warnings are safe to return to
// clients. platforms are those that the configuration may name.
func Parse(text []byte, platforms engine.Platforms) (config *inference.ModelConfig, warnings []string, err error) {
	r := &report{source: fromFile}
	if len(text) > maxText {
		return nil, nil, fmt.Errorf("%s: the text has %d bytes, the limit is %d", fromFile, len(text), maxText)
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

// ParseJSON reads the configuration of a load request: a ModelConfig in protobuf's JSON,
// with names in snake_case or camelCase, and 64-bit integers as numbers or strings. Errors
// and warnings are as for Parse, but begin with "config: ", and an unknown field has its
// path without a position.
func ParseJSON(text []byte, platforms engine.Platforms) (config *inference.ModelConfig, warnings []string, err error) {
	r := &report{source: fromRequest}
	if len(text) > maxText {
		return nil, nil, fmt.Errorf("%s: the text has %d bytes, the limit is %d", fromRequest, len(text), maxText)
	}
	config, bad := unmarshalJSON(r, text)
	if bad != nil {
		return nil, nil, fmt.Errorf("%s: %w", fromRequest, bad)
	}
	return check(r, config, platforms)
}

// check validates the configuration without the model.
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
