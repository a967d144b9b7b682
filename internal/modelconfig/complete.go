package modelconfig

import (
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Complete checks config against the model and returns a completed copy.
func Complete(config *inference.ModelConfig, name string, signature *engine.Signature) (*inference.ModelConfig, error) {
	if config == nil {
		config = &inference.ModelConfig{}
	}
	completed := proto.CloneOf(config)
	completed.Name, completed.Platform, completed.Backend = name, "onnxruntime_onnx", "onnxruntime"
	completed.DefaultModelFilename = ModelFile(config)
	if len(completed.GetInput()) == 0 {
		for _, in := range signature.Inputs {
			completed.Input = append(completed.Input, &inference.ModelInput{Name: in.Name, DataType: ProtoDataType(in.DataType), Dims: in.Shape})
		}
	}
	if len(completed.GetOutput()) == 0 {
		for _, out := range signature.Outputs {
			completed.Output = append(completed.Output, &inference.ModelOutput{Name: out.Name, DataType: ProtoDataType(out.DataType), Dims: out.Shape})
		}
	}
	return completed, nil
}
