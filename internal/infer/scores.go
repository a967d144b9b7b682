package infer

import (
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// ScoreResult is the score output of a model as numbers.
type ScoreResult struct {
	// Values are probabilities where the model classifies; nil for labels that are texts.
	// They are valid until the Result is released.
	Values []float32
	Shape  tensor.Shape
	// Confidence is the highest of Values; 1 for a label.
	Confidence float32
	// Classes are the best classes, best first; none where the model does not classify,
	// or gives several rows.
	Classes []Class
}

// Class is a class with its score.
type Class struct {
	// Index is -1 for a label whose place among the classes is unknown.
	Index int
	Score float32
	Label string // empty: the class has none
}

// scorer turns the score output of a model into probabilities and classes.
type scorer struct {
	// spec is the output as it is offered; nil: the model has no output that is a tensor.
	spec *engine.TensorSpec
	// at is its index in the signature.
	at int
	// labels are those of the classes of an output of scores, names those of an output that
	// is not of floats and may be a label itself.
	labels, names []string
	activation    repository.Activation
	// scores reports that the output holds scores of classes even without labels.
	scores bool
}

// scored reports whether the answer to a request has scores: the request names no outputs,
// or the score output among them.
func (s *scorer) scored(asked []Output) bool {
	return len(asked) == 0 || s.spec != nil && slices.ContainsFunc(asked, func(out Output) bool { return out.Name == s.spec.Name })
}

// score returns the score output as scores. With unchanged, the output's memory is part of
// the answer itself, and an output that numbers of 32 bits cannot represent has no scores;
// otherwise FP32 values are activated in place, because a result's memory belongs to its
// receiver, and the error says what to request instead.
func (s *Serving) score(computed *engine.Result, topK int, unchanged bool) (ScoreResult, error) {
	spec := s.scorer.spec
	if spec == nil {
		return ScoreResult{}, Invalidf("model %q has no output that is a tensor", s.version.Model)
	}
	out := computed.Outputs[s.scorer.at]
	if out.DataType == tensor.Bytes {
		if result, ok := s.scorer.textLabel(out); ok || unchanged {
			return result, nil
		}
		return ScoreResult{}, Invalidf("model %q: output %q is %v of %v, which is neither numbers nor the label of one row: name it in outputs to get its elements, or use the Open Inference Protocol", s.version.Model, spec.Name, out.DataType, out.Shape)
	}
	if at := firstInexact(out); at >= 0 {
		if unchanged {
			return ScoreResult{}, nil
		}
		return ScoreResult{}, Invalidf("model %q: output %q is %v, and its value at index %d has no exact FP32 value for predictions: name it in outputs to get its elements, or use the Open Inference Protocol", s.version.Model, spec.Name, out.DataType, at)
	}
	values, err := tensor.Float32s(out)
	if err != nil {
		return ScoreResult{}, err // impossible: all other datatypes are numbers
	}
	if unchanged && tensor.ShareMemory(tensor.AsBytes(values), out.Data) && s.scorer.activates(out.Shape) {
		values = slices.Clone(values)
	}
	result := s.scorer.score(values, out.Shape, topK)
	if class, ok := s.scorer.numericLabel(out); ok {
		result.Classes, result.Confidence = []Class{class}, class.Score
	}
	return result, nil
}

// memory returns how many bytes the scores of a request's answer take besides the outputs
// themselves.
func (s *scorer) memory(req *Request, computed *engine.Result) int64 {
	if s.spec == nil || req.Form == Tensors || req.Form == Scores && !s.scored(req.Outputs) {
		return 0
	}
	out := &computed.Outputs[s.at]
	if req.Form == Labels && !s.classifies(out.Shape) {
		return 0
	}
	inPlace := req.Form == Scores && len(req.Outputs) == 0 || !s.activates(out.Shape)
	switch size := int64(out.DataType.Size()); {
	case out.DataType == tensor.FP32 && inPlace:
		return 0
	case size == 0: // texts, of which a label is copied
		return int64(len(out.Data))
	default:
		return int64(len(out.Data)) / size * int64(tensor.FP32.Size())
	}
}

// label replaces the outputs of result by the best classes of the score output, where the
// model classifies.
func (s *Serving) label(result *Result, topK int) error {
	spec := s.scorer.spec
	at := slices.IndexFunc(result.Outputs, func(out ResultOutput) bool { return spec != nil && out.Name == spec.Name })
	if at < 0 || !s.scorer.classifies(result.Outputs[at].Shape) {
		return nil
	}
	scores, err := s.score(result.computed, topK, true)
	if err != nil || len(scores.Classes) == 0 {
		return err
	}
	var text, data []byte
	for _, class := range scores.Classes {
		text = append(formatFloat(text[:0], class.Score), ':')
		text = strconv.AppendInt(text, int64(class.Index), 10)
		if class.Label != "" {
			text = append(append(text, ':'), class.Label...)
		}
		data = tensor.AppendElement(data, text)
	}
	result.Outputs[at].Tensor = tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{int64(len(scores.Classes))}, Data: data}
	result.Outputs = result.Outputs[at : at+1]
	return nil
}

// classRows interprets shape as rows of scores, one score per class: [classes], [rows,
// classes], or those with dimensions of 1 before or after them.
func classRows(shape tensor.Shape) (rows, classes int64, ok bool) {
	for len(shape) > 2 && shape[len(shape)-1] == 1 {
		shape = shape[:len(shape)-1]
	}
	for len(shape) > 2 && shape[0] == 1 {
		shape = shape[1:]
	}
	switch len(shape) {
	case 1:
		return 1, shape[0], true
	case 2:
		return shape[0], shape[1], true
	}
	return 0, 0, false
}

// classifies reports whether an output of shape holds scores of classes.
func (s *scorer) classifies(shape tensor.Shape) bool {
	_, classes, ok := classRows(shape)
	return ok && (s.scores || s.labelled(classes))
}

// activates reports whether score changes the values of an output of shape.
func (s *scorer) activates(shape tensor.Shape) bool {
	return s.classifies(shape) && (s.activation == repository.ActivationSoftmax || s.activation == repository.ActivationSigmoid)
}

// labelled reports whether the labels are those of so many classes.
func (s *scorer) labelled(classes int64) bool {
	return int64(len(s.labels)) == classes && classes > 0
}

// score activates values in place and returns them with their best classes.
func (s *scorer) score(values []float32, shape tensor.Shape, topK int) ScoreResult {
	res := ScoreResult{Values: values, Shape: shape}
	if s.classifies(shape) {
		rows, classes, _ := classRows(shape)
		s.activate(values, int(classes))
		if rows == 1 && (s.labelled(classes) || len(s.labels) == 0) {
			res.Classes = s.best(values, topK)
		}
	}
	res.Confidence = largest(values)
	return res
}
