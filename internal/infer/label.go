package infer

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// A model without scores may still name a class. Its score is then 1: the model gives no
// other.
const labelScore = 1

// labelOperators compute the label of a class: of its index, or of one of the model's own
// numbers for classes, which need not count from 0.
var labelOperators = []string{"ArrayFeatureExtractor", "LabelEncoder", "LinearClassifier", "SVMClassifier", "TreeEnsembleClassifier"}

// textLabel returns a BYTES output as the label of one row. ok is false where it is none;
// an output without elements has no classes.
func (s *scorer) textLabel(out tensor.Tensor) (_ ScoreResult, ok bool) {
	elements, err := out.Shape.Elements()
	if err != nil || !isLabel(s.spec) || elements > 1 {
		return ScoreResult{}, false
	}
	result := ScoreResult{Shape: out.Shape}
	for element := range tensor.BytesElements(out.Data) {
		if !utf8.Valid(element) {
			return ScoreResult{}, false // the field is text
		}
		class := Class{Score: labelScore, Label: string(element)}
		class.Index = slices.Index(s.names, class.Label)
		result.Confidence, result.Classes = labelScore, []Class{class}
	}
	return result, true
}

// numericLabel returns an INT64 output as the label of one row. ok is false where it is
// none, or where nothing shows that the number is a class: it may be a count.
func (s *scorer) numericLabel(out tensor.Tensor) (_ Class, ok bool) {
	if out.DataType != tensor.Int64 || !isLabel(s.spec) {
		return Class{}, false
	}
	values, _ := tensor.View[int64](out.Data)
	if len(values) != 1 {
		return Class{}, false
	}
	value := values[0]
	switch {
	case value >= 0 && value < int64(len(s.names)):
		return Class{Index: int(value), Score: labelScore, Label: s.names[value]}, true
	case s.spec.Producer == "ArgMax" && len(s.names) == 0:
		return Class{Index: int(value), Score: labelScore}, true
	case len(s.names) > 0, slices.Contains(labelOperators, s.spec.Producer):
		return Class{Index: -1, Score: labelScore, Label: strconv.FormatInt(value, 10)}, true
	}
	return Class{}, false
}
