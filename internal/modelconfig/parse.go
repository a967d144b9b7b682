package modelconfig

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// Parse reads config.pbtxt.
func Parse(text []byte) (config *inference.ModelConfig, warnings []string, err error) {
	config = &inference.ModelConfig{}
	if err := prototext.Unmarshal(text, config); err != nil {
		return nil, nil, fmt.Errorf("config.pbtxt: %w", err)
	}
	return config, nil, nil
}

// ParseJSON reads a configuration in protobuf's JSON.
func ParseJSON(text []byte) (config *inference.ModelConfig, warnings []string, err error) {
	config = &inference.ModelConfig{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, config); err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	return config, nil, nil
}

// JSON returns the configuration as Triton's REST interface gives it.
func JSON(config *inference.ModelConfig) ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(config)
}
