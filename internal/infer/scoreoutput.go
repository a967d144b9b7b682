package infer

import (
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// finalOperators compute scores that need no further activation: those of ONNX that
// normalize, and the classifiers of ai.onnx.ml, which apply their own post_transform.
var finalOperators = []string{"Softmax", "Sigmoid", "Normalizer", "ZipMap", "LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"}

// scoreOutput returns the index in c.outputs of the score output, the one that Predictor
// and images over REST use; -1 where no output is a tensor.
//
// It is the first output: the first one that the configuration lists, else the graph's.
// Classifiers of scikit-learn, LightGBM and XGBoost return the label of the best class
// first (skl2onnx: output_label, output_probability). Where the first output has the form
// of such a label, the next output with final scores of classes takes its place.
func scoreOutput(v *Version, c *contract) int {
	order := make([]int, 0, len(c.outputs))
	for _, listed := range v.Config.GetOutput() {
		if i := specIndex(c.outputs, listed.GetName()); i >= 0 {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		for i := range c.outputs {
			order = append(order, i)
		}
	}
	if len(order) == 0 {
		return -1
	}
	if isLabel(&c.outputs[order[0]]) {
		at := slices.IndexFunc(order, func(i int) bool {
			spec := &c.outputs[i]
			return isFloat(spec.DataType) && len(spec.Shape) <= 2 && hasFinalScores(spec)
		})
		if at > 0 {
			return order[at]
		}
	}
	return order[0]
}

// isLabel reports whether an output has the form of a label for each row: INT64 or BYTES
// of [rows] or [rows, 1].
func isLabel(spec *engine.TensorSpec) bool {
	if spec.DataType != tensor.Int64 && spec.DataType != tensor.Bytes {
		return false
	}
	return len(spec.Shape) <= 1 || len(spec.Shape) == 2 && spec.Shape[1] == 1
}

// hasFinalScores reports whether an output of floats has scores of classes after their
// activation, by the operator before it, by the graph's own names of its classes, or by
// its name: exporters of classifiers use "probabilities" and "output_probability".
func hasFinalScores(spec *engine.TensorSpec) bool {
	return slices.Contains(finalOperators, spec.Producer) || spec.Labels != nil || strings.Contains(strings.ToLower(spec.Name), "probabilit")
}

// newScorer chooses the score output and its activation, in this order: function_to_apply
// in config.json; none for an output with final scores; by the problem type; and softmax
// where there are labels, which mean one class of several.
func newScorer(v *Version, contract *contract) scorer {
	i := scoreOutput(v, contract)
	if i < 0 {
		return scorer{}
	}
	spec := &contract.outputs[i]
	v.ChooseLabels(spec.Name)
	c := scorer{spec: spec, at: contract.places[i], activation: repository.ActivationNone}
	if v.ProblemType == "regression" {
		return c
	}
	labels := labelsOf(v, spec, true)
	if !isFloat(spec.DataType) {
		c.names = labels
		return c
	}
	c.labels = labels
	final := hasFinalScores(spec)
	c.scores = final || v.ProblemType == "single_label_classification" || v.ProblemType == "multi_label_classification" ||
		v.Activation == repository.ActivationSoftmax || v.Activation == repository.ActivationSigmoid
	switch {
	case v.Activation != repository.ActivationUnset:
		c.activation = v.Activation
	case final:
	case v.ProblemType == "multi_label_classification":
		c.activation = repository.ActivationSigmoid
	case c.scores || len(c.labels) > 0:
		c.activation = repository.ActivationSoftmax
	}
	return c
}

func isFloat(d tensor.DataType) bool {
	return d == tensor.FP32 || d == tensor.FP64 || d == tensor.FP16 || d == tensor.BF16
}

// labelsOf returns the labels of an output's classes: those that its configuration names,
// else the model's own for the score output, else the graph's.
func labelsOf(v *Version, spec *engine.TensorSpec, isScores bool) []string {
	if labels, ok := v.OutputLabels[spec.Name]; ok {
		return labels
	}
	if isScores && v.Labels != nil {
		return v.Labels
	}
	return spec.Labels
}
