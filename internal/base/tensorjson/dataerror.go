package tensorjson

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// The functions in this file describe why a tensor's data is rejected. They parse the
// text again, so that the fast path keeps no state for errors.

// failAt sets the error for the element at p.
func (r *dataReader) failAt(p int, err error) {
	r.err = newError(r.pathAt(r.indexesAt(p)), r.text, p, false, err)
}

// failSyntaxAt sets the error for the malformed element at p.
func (r *dataReader) failSyntaxAt(p int, f *syntaxError) {
	r.err = newError(r.pathAt(r.indexesAt(p)), r.text, f.at, true, errors.New(f.message))
}

func (r *dataReader) pathAt(indexes []int) string {
	path := []byte(r.Path())
	for _, i := range indexes {
		path = step{index: i}.append(path)
	}
	return string(path)
}

// indexesAt returns the index of the element at p in each array of the data around it. What is
// before p must be valid.
func (r *dataReader) indexesAt(p int) []int {
	var indexes []int
	for at := r.at; at < p; {
		switch c := r.text[at]; {
		case c == '[':
			indexes = append(indexes, 0)
			at++
		case c == ']':
			indexes = indexes[:len(indexes)-1]
			at++
		case c == ',':
			indexes[len(indexes)-1]++
			at++
		case isSpace(c):
			at++
		default:
			at, _ = skipValue(r.text, at, 0)
		}
	}
	return indexes
}

// reject sets the error for the element at p.
func (r *dataReader) reject(p int) {
	kind := kindAt(r.text, p)
	accepts := "numbers"
	switch r.datatype {
	case tensor.Bool:
		accepts = "true and false"
	case tensor.Bytes:
		accepts = "strings"
	}
	switch {
	case kind == Invalid:
		r.failSyntaxAt(p, noValueError(r.text, p))
	case kind == String && r.datatype == tensor.Bytes:
		if _, _, f := stringEnd(r.text, p); f != nil {
			r.failSyntaxAt(p, f)
		}
	case kind == Number && r.datatype != tensor.Bytes:
		r.rejectNumber(p)
	case kind == Null && isFloat(r.datatype):
		r.failAt(p, fmt.Errorf("found null, %v accepts numbers; JavaScript writes NaN and infinities as null: write NaN, Infinity or -Infinity, or send binary tensor data", r.datatype))
	default:
		r.failAt(p, fmt.Errorf("found %v, %v accepts %s", kind, r.datatype, accepts))
	}
}

func (r *dataReader) rejectNumber(p int) {
	n, ok := scanNumber(r.text, p)
	literal := r.text[p:n.end]
	switch {
	case !ok:
		r.failSyntaxAt(p, badNumberError(r.text, p, n.end))
	case isInteger(r.datatype):
		below, above := limits(r.datatype)
		_, status := n.integer(r.text, below, above)
		r.failAt(p, integerError(literal, status, r.datatype))
	default:
		r.failAt(p, tooLargeError(literal, r.datatype))
	}
}

// rejectSeparator sets the error for what is at p instead of a comma or a closing bracket.
func (r *dataReader) rejectSeparator(p int) {
	f := separatorError(r.text, p, ']')
	indexes := r.indexesAt(p)
	r.err = newError(r.pathAt(indexes[:len(indexes)-1]), r.text, p, true, errors.New(f.message))
}

// rejectCount sets the error for data with another number of elements than the shape has.
func (r *dataReader) rejectCount() {
	end, f := skipValue(r.text, r.at, r.depth)
	switch {
	case f != nil:
		r.setSyntaxError(f)
	case r.text[r.at] != '[':
		r.Fail(fmt.Errorf("found %v, shape %v needs an array", r.Kind(), r.shape))
	default:
		count := plural(countValues(r.text[r.at:end]), "value", "values")
		elements, _ := r.shape.Elements() // Data has checked it
		r.Fail(fmt.Errorf("found %s, shape %v needs %d%s", count, r.shape, elements, r.misfit(end-r.at)))
	}
}

// maxMisfitBytes is the size of data up to which misfit searches: that takes longer than to read it.
const maxMisfitBytes = 16 << 20

// misfit describes the first inner array that does not have the entries of its dimension, for data
// of size bytes that is nested as the shape up to there; else it is empty. The data must be valid.
func (r *dataReader) misfit(size int) string {
	if size > maxMisfitBytes {
		return ""
	}
	s := *r.Scanner
	s.steps = slices.Clone(s.steps)
	return misfitIn(&s, r.shape, 0)
}

func misfitIn(s *Scanner, shape tensor.Shape, dimension int) (found string) {
	if dimension >= len(shape) || s.Kind() != Array {
		return ""
	}
	begin, count := s.at, 0
	if first := skipSpace(s.text, begin+1); s.text[first] == '[' {
		for range s.Array() {
			if found = misfitIn(s, shape, dimension+1); found != "" {
				return found
			}
			count++
		}
	} else {
		s.Skip()
		count = countValues(s.text[begin:s.at])
	}
	if dimension == 0 || int64(count) == shape[dimension] {
		return ""
	}
	return fmt.Sprintf("; %s has %s, dimension %d needs %d", s.Path(), plural(count, "entry", "entries"), dimension, shape[dimension])
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// countValues returns the number of values in an array and its inner arrays. text must be valid JSON.
func countValues(text []byte) int {
	count := 0
	for p := 0; p < len(text); {
		switch c := text[p]; {
		case isDelimiter(c):
			p++
			continue
		case c == '"', c == '{':
			p, _ = skipValue(text, p, 0)
		default:
			for p < len(text) && !isDelimiter(text[p]) {
				p++
			}
		}
		count++
	}
	return count
}

// isDelimiter reports whether c is outside of an array's values.
func isDelimiter(c byte) bool { return c == ',' || c == ']' || c == '[' || isSpace(c) }

func isInteger(d tensor.DataType) bool { return d >= tensor.Bool && d <= tensor.Int64 }

func isFloat(d tensor.DataType) bool { return d >= tensor.FP16 && d <= tensor.FP64 }

// limits returns the largest magnitudes of an integer datatype's negative and positive
// values.
func limits(d tensor.DataType) (below, above uint64) {
	above = 1<<(8*d.Size()) - 1
	switch {
	case d == tensor.Bool:
		return 0, 1
	case d >= tensor.Int8:
		return above/2 + 1, above / 2
	default:
		return 0, above
	}
}

func integerError(literal []byte, status wholeness, d tensor.DataType) error {
	if status == notWhole {
		return fmt.Errorf("%s is not a whole number; %v accepts whole numbers", excerpt(literal), d)
	}
	below, above := limits(d)
	minimum := "0"
	if below > 0 {
		minimum = fmt.Sprintf("-%d", below)
	}
	return fmt.Errorf("%s is out of range; %v accepts %s to %d", excerpt(literal), d, minimum, above)
}

func tooLargeError(literal []byte, d tensor.DataType) error {
	return fmt.Errorf("%s is too large for %v", excerpt(literal), d)
}
