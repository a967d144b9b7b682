package tensorjson

import (
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Parameter reads a request's parameter: a string, bool, int64, uint64 or float64. A
// number without a point or exponent is an int64, or a uint64 if it exceeds int64.
func (s *Scanner) Parameter() any {
	switch s.Kind() {
	case String:
		return string(s.Text())
	case Bool:
		return s.Bool()
	case Number:
		return s.parameter()
	case Invalid:
		s.Skip() // sets the error
	default:
		s.Fail(fmt.Errorf("found %v, want a string, a number or a boolean", s.Kind()))
	}
	return nil
}

func (s *Scanner) parameter() any {
	n, ok := s.number()
	if !ok {
		return nil
	}
	if n.end > n.wholeEnd {
		return s.Float64()
	}
	value, status := n.integer(s.text, 1<<63, math.MaxUint64)
	if status != whole {
		s.Fail(fmt.Errorf("%s does not fit 64 bits", excerpt(s.text[s.at:n.end])))
		return nil
	}
	s.at = n.end
	if !n.negative && value > math.MaxInt64 {
		return value
	}
	return int64(value)
}

// MaxRank bounds the dimensions of a shape. No model has that many; messages that
// contain a shape stay short.
const MaxRank = 64

// Shape reads an array of at most 64 whole numbers. They may be negative;
// tensor.Shape.Elements reports that.
func (s *Scanner) Shape() tensor.Shape {
	shape := tensor.Shape{}
	for i := range s.Array() {
		if i == MaxRank {
			s.Fail(fmt.Errorf("a shape has at most %d dimensions", MaxRank))
			return nil
		}
		shape = append(shape, s.Int64())
	}
	if s.err != nil {
		return nil
	}
	return shape
}
