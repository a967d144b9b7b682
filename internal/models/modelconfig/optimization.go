package modelconfig

import "github.com/tensorwire/tensorwire/gen/inference"

// completeOptimization returns optimization, which may be nil, with the defaults that Triton
// gives it (model_config.proto: pinned memory is enabled unless it is set to false). They
// have no effect here: pinned memory is for transfers to a GPU.
func completeOptimization(optimization *inference.ModelOptimizationPolicy) *inference.ModelOptimizationPolicy {
	if optimization == nil {
		optimization = &inference.ModelOptimizationPolicy{}
	}
	pinned := func(buffer *inference.ModelOptimizationPolicy_PinnedMemoryBuffer) *inference.ModelOptimizationPolicy_PinnedMemoryBuffer {
		if buffer == nil {
			return &inference.ModelOptimizationPolicy_PinnedMemoryBuffer{Enable: true}
		}
		return buffer
	}
	optimization.InputPinnedMemory = pinned(optimization.GetInputPinnedMemory())
	optimization.OutputPinnedMemory = pinned(optimization.GetOutputPinnedMemory())
	return optimization
}
