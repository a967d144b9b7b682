package repository

import (
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// fitLabels returns the labels of list for the output of that name, padded to its number of
// classes. ok is false, with a warning, when they are not of that output.
func (v *Version[S]) fitLabels(list labelList, output string, outputs []*inference.ModelOutput) (labels []string, ok bool) {
	if len(list.names) == 0 {
		return nil, false
	}
	for i := range v.Signature.Outputs {
		spec := &v.Signature.Outputs[i]
		if spec.Name != output {
			continue
		}
		shape := configuredShape(spec.Shape, output, outputs)
		if labels, ok = list.fit(shape); !ok {
			v.Warn("%s has %d labels, which do not fit output %q of %v: they are ignored", list.source, len(list.names), output, shape)
		}
	}
	return labels, ok
}

// configuredShape returns the shape of a model's output with the sizes of its configuration
// where the model leaves them open. Dimensions are compared from the last one, because the
// configuration may omit the batch.
func configuredShape(shape tensor.Shape, name string, outputs []*inference.ModelOutput) tensor.Shape {
	shape = shape.Clone()
	for _, output := range outputs {
		dims := output.GetDims()
		if output.GetName() != name || len(dims) > len(shape) {
			continue
		}
		for i, d := range dims {
			if at := len(shape) - len(dims) + i; shape[at] == tensor.Dynamic {
				shape[at] = d
			}
		}
	}
	return shape
}

// fit returns the labels for an output of that shape; ok is false when they are not its.
//
// Scores of classes, [batch, classes], must have one class for each label. A list with
// indices may lack one class at the end: detectors have a class for no object. One score
// for two labels is a binary classifier's. An output with scores at several positions, such
// as [batch, boxes, classes] or [batch, classes, height, width], must have room for the
// labels, because the axis of the classes is not known: boxes may be stored with them. Its
// elements may be the classes, too, as Triton counts them: a reshape may divide them.
func (l labelList) fit(shape tensor.Shape) (labels []string, ok bool) {
	axes := classAxes(shape)
	if len(axes) == 0 {
		return l.names, true
	}
	count, last := int64(len(l.names)), axes[len(axes)-1]
	lacksOne := func(axis int64) bool { return l.indexed && axis == count+1 && !l.isPlaceholder() }
	switch {
	case lacksOne(last):
		return append(slices.Clone(l.names), ""), true
	case slices.Contains(axes, count), elements(axes) == count:
		return l.names, true
	case lacksOne(axes[0]):
		return append(slices.Clone(l.names), ""), true
	case len(axes) == 1:
		return l.names, last == 1 || last == tensor.Dynamic
	case l.isPlaceholder():
		return l.names, last == tensor.Dynamic
	}
	return l.names, slices.Contains(axes, tensor.Dynamic) || slices.Max(axes) > count
}

// classAxes returns the dimensions that may be the classes: all but the batch and those of
// one element.
func classAxes(shape tensor.Shape) []int64 {
	axes := slices.Clone([]int64(shape))
	if len(axes) > 1 {
		axes = axes[1:]
	}
	several := slices.DeleteFunc(slices.Clone(axes), func(d int64) bool { return d == 1 })
	if len(several) == 0 {
		return axes[:min(len(axes), 1)]
	}
	return several
}

// elements returns the number of elements of axes; 0 where one is open.
func elements(axes []int64) int64 {
	if slices.Contains(axes, tensor.Dynamic) {
		return 0
	}
	n, err := tensor.Shape(axes).Elements()
	if err != nil {
		return 0 // too many for labels
	}
	return n
}

// isPlaceholder reports whether the labels are those that transformers makes up: LABEL_0,
// LABEL_1 and so on.
func (l labelList) isPlaceholder() bool {
	for i, name := range l.names {
		if name != "LABEL_"+strconv.Itoa(i) {
			return false
		}
	}
	return true
}
