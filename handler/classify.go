package handler

import (
	"fmt"
	"math"
	"slices"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

const defaultTopK = 5

// classifier turns the first output of a model into probabilities and labels.
type classifier struct {
	labels     []string
	activation repository.Activation
	// scores says that the output holds scores of classes even when there are no
	// labels for them.
	scores bool
}

// newClassifier decides on the activation: function_to_apply in config.json goes
// first; a graph that ends in its own activation gets no other; then the problem
// type counts; and labels alone mean one class of several, so softmax.
func newClassifier(v *Version) classifier {
	c := classifier{labels: v.Labels, activation: v.Activation}
	producer := v.Signature.Outputs[0].Producer
	activated := producer == "Softmax" || producer == "Sigmoid"
	c.scores = activated || v.ProblemType == "single_label_classification" || v.ProblemType == "multi_label_classification" ||
		v.Activation == repository.ActivationSoftmax || v.Activation == repository.ActivationSigmoid
	if !isFloat(v.Signature.Outputs[0].DataType) || v.ProblemType == "regression" {
		return classifier{activation: repository.ActivationNone}
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

// check reports whether the labels are as many as the model's classes, where the
// graph says how many those are. One score for two labels is a binary classifier's,
// which gets no labels.
func (c *classifier) check(v *Version) error {
	out := v.Signature.Outputs[0]
	if _, classes, ok := classRows(out.Shape); ok && len(c.labels) > 0 && classes > 1 && classes != int64(len(c.labels)) {
		return fmt.Errorf("there are %d labels, but output %q of %v has %d classes", len(c.labels), out.Name, out.Shape, classes)
	}
	return nil
}

// classRows reads shape as rows of scores, one score a class: [classes],
// [rows, classes], or those with dimensions of 1 before or behind them.
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

// answer fills in predictions, confidence and classifications. It writes to
// values, which become the predictions.
func (c *classifier) answer(res *modelserving.InferenceResponse, values []float32, shape tensor.Shape, topK int) {
	rows, classes, ok := classRows(shape)
	labelled := int64(len(c.labels)) == classes && classes > 0
	if ok && (labelled || c.scores) {
		c.activate(values, int(classes))
		if rows == 1 && (labelled || len(c.labels) == 0) {
			res.Classifications = c.best(values, topK)
		}
	}
	res.Predictions, res.Shape = values, shape
	res.Confidence = largest(values)
}

// activate applies the activation in place, to rows of that many classes.
func (c *classifier) activate(values []float32, classes int) {
	switch c.activation {
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

// softmax replaces logits by probabilities. The largest is subtracted first, so
// that no logit is too large for exp; where that is infinite, those that equal it
// share the whole.
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
func (c *classifier) best(values []float32, k int) []*modelserving.Classification {
	top := bestClasses(values, min(k, len(values)))
	out := make([]*modelserving.Classification, len(top))
	for i, class := range top {
		out[i] = &modelserving.Classification{Index: int32(class), Score: values[class]}
		if class < len(c.labels) {
			out[i].Label = c.labels[class]
		}
	}
	return out
}

// above orders scores with NaN below all others.
func above[T tensor.Number](a, b T) bool {
	return a > b || (b != b && a == a) //nolint:gocritic // a number of its own is unlike itself where it is NaN
}

// largest returns the highest of values that are numbers; NaN when all are NaN, and
// 0 when there are none.
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
