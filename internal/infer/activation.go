package infer

import (
	"math"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

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
