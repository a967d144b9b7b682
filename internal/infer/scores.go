package infer

import (
	"math"
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// ScoreResult is the first output of a model as numbers.
type ScoreResult struct {
	// Values are probabilities where the model classifies. They are valid until the
	// Result is released.
	Values []float32
	Shape  tensor.Shape
	// Confidence is the highest of Values.
	Confidence float32
	// Classes are the best classes, best first; none where the model does not classify,
	// or gives several rows.
	Classes []Class
}

// Class is a class with its score.
type Class struct {
	Index int
	Score float32
	Label string // empty: the class has none
}

// scorer turns the first output of a model into probabilities and classes.
type scorer struct {
	labels     []string
	activation repository.Activation
	// scores reports that the output holds scores of classes even without labels.
	scores bool
}

// newScorer chooses the activation, in this order: function_to_apply in config.json; none
// for a graph that ends in its own; by the problem type; and softmax where there are
// labels, which mean one class of several.
func newScorer(v *Version) scorer {
	c := scorer{labels: v.Labels, activation: v.Activation}
	producer := v.Signature.Outputs[0].Producer
	activated := producer == "Softmax" || producer == "Sigmoid"
	c.scores = activated || v.ProblemType == "single_label_classification" || v.ProblemType == "multi_label_classification" ||
		v.Activation == repository.ActivationSoftmax || v.Activation == repository.ActivationSigmoid
	if !isFloat(v.Signature.Outputs[0].DataType) || v.ProblemType == "regression" {
		return scorer{activation: repository.ActivationNone}
	}
	if c.activation != repository.ActivationUnset {
		return c
	}
	switch {
	case activated:
		c.activation = repository.ActivationNone
	case v.ProblemType == "multi_label_classification":
		c.activation = repository.ActivationSigmoid
	case c.scores || len(c.labels) > 0:
		c.activation = repository.ActivationSoftmax
	default:
		c.activation = repository.ActivationNone
	}
	return c
}

func isFloat(d tensor.DataType) bool {
	return d == tensor.FP32 || d == tensor.FP64 || d == tensor.FP16 || d == tensor.BF16
}

// score returns the first output as scores. FP32 values are activated in place: a
// result's memory belongs to its receiver.
func (s *Serving) score(out tensor.Tensor, topK int) (ScoreResult, error) {
	values, err := tensor.Float32s(out)
	if err != nil {
		return ScoreResult{}, Invalidf("model %q: its first output, %q, is not a tensor of numbers, and has no scores: use the Open Inference Protocol", s.version.Model, s.version.Signature.Outputs[0].Name)
	}
	return s.scorer.score(values, out.Shape, topK), nil
}

// label replaces the outputs of result by the best classes of the first one, where the
// model classifies.
func (s *Serving) label(result *Result, topK int) {
	first := s.version.Signature.Outputs[0].Name
	at := slices.IndexFunc(result.Outputs, func(out ResultOutput) bool { return out.Name == first })
	if at < 0 {
		return
	}
	out := &result.Outputs[at]
	values, err := tensor.Float32s(out.Tensor)
	if rows, _, ok := classRows(out.Shape); err != nil || !ok || rows != 1 {
		return
	}
	classes := s.scorer.score(slices.Clone(values), out.Shape, topK).Classes
	if len(classes) == 0 {
		return
	}
	var text, data []byte
	for _, class := range classes {
		text = append(formatFloat(text[:0], class.Score), ':')
		text = strconv.AppendInt(text, int64(class.Index), 10)
		if class.Label != "" {
			text = append(append(text, ':'), class.Label...)
		}
		data = tensor.AppendElement(data, text)
	}
	out.Tensor = tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{int64(len(classes))}, Data: data}
	result.Outputs = result.Outputs[at : at+1]
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

// score activates values in place and returns them with their best classes.
func (s *scorer) score(values []float32, shape tensor.Shape, topK int) ScoreResult {
	res := ScoreResult{Values: values, Shape: shape}
	rows, classes, ok := classRows(shape)
	labelled := int64(len(s.labels)) == classes && classes > 0
	if ok && (labelled || s.scores) {
		s.activate(values, int(classes))
		if rows == 1 && (labelled || len(s.labels) == 0) {
			res.Classes = s.best(values, topK)
		}
	}
	res.Confidence = largest(values)
	return res
}

// activate applies the activation in place, to rows of that many classes.
func (s *scorer) activate(values []float32, classes int) {
	switch s.activation {
	case repository.ActivationSoftmax:
		for row := range slices.Chunk(values, max(classes, 1)) {
			softmax(row)
		}
	case repository.ActivationSigmoid:
		for i, v := range values {
			values[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	case repository.ActivationNone, repository.ActivationUnset:
	}
}

// softmax replaces logits by probabilities. It subtracts the largest first, so that no
// logit is too large for exp. Where that is infinite, the logits that equal it share the
// probability of 1.
func softmax(row []float32) {
	highest := float64(largest(row))
	weight := func(v float32) float64 {
		if math.IsInf(highest, 0) && float64(v) == highest {
			return 1
		}
		return math.Exp(float64(v) - highest)
	}
	sum := 0.0
	for _, v := range row {
		sum += weight(v)
	}
	for i, v := range row {
		row[i] = float32(weight(v) / sum)
	}
}

// best returns the k highest scores, best first; equal ones in the order of their
// classes, and NaN last.
func (s *scorer) best(values []float32, k int) []Class {
	top := bestClasses(values, min(k, len(values)))
	out := make([]Class, len(top))
	for i, class := range top {
		out[i] = Class{Index: class, Score: values[class]}
		if class < len(s.labels) {
			out[i].Label = s.labels[class]
		}
	}
	return out
}

// above orders scores with NaN below all others.
func above[T tensor.Number](a, b T) bool {
	return a > b || (b != b && a == a) //nolint:gocritic // only NaN differs from itself
}

// largest returns the highest of values, ignoring NaN unless all are NaN; 0 when there
// are none.
func largest(values []float32) float32 {
	if len(values) == 0 {
		return 0
	}
	highest := values[0]
	for _, v := range values[1:] {
		if above(v, highest) {
			highest = v
		}
	}
	return highest
}
