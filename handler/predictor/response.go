package predictor

import (
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// response returns the message of a result, whose memory it has.
func response(result *infer.Result) *modelserving.InferenceResponse {
	scores := &result.Scores
	m := &modelserving.InferenceResponse{
		ModelName:    result.Model,
		ModelVersion: result.Version,
		Id:           result.ID,
		Predictions:  scores.Values,
		Shape:        scores.Shape,
		Confidence:   scores.Confidence,
		Timings: &modelserving.Timings{
			DecodeUs:     result.Timings.Decode.Microseconds(),
			PreprocessUs: result.Timings.Preprocess.Microseconds(),
			QueueUs:      result.Timings.Queue.Microseconds(),
			ComputeUs:    result.Timings.Compute.Microseconds(),
		},
	}
	if len(scores.Classes) > 0 {
		m.Classifications = make([]*modelserving.Classification, len(scores.Classes))
	}
	for i, class := range scores.Classes {
		m.Classifications[i] = &modelserving.Classification{Index: int32(class.Index), Score: class.Score, Label: class.Label}
	}
	m.Outputs = outputTensors(result.Outputs)
	return m
}

// outputTensors returns the outputs that a request names, without a copy; nil for none.
func outputTensors(outputs []infer.ResultOutput) []*modelserving.OutputTensor {
	if len(outputs) == 0 {
		return nil
	}
	tensors := make([]*modelserving.OutputTensor, len(outputs))
	for i := range outputs {
		out := &outputs[i]
		tensors[i] = &modelserving.OutputTensor{Name: out.Name, Datatype: out.DataType.String(), Shape: out.Shape, Data: out.Data}
	}
	return tensors
}
