package tensorjson

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// The functions in this file describe why a tensor's data is rejected. They parse the
// text again, so that the fast path keeps no state for errors.

func (r *dataReader) fail(at int, err error) {
	r.setError(at, false, err)
}

func (r *dataReader) setSyntaxError(f *syntaxError) {
	r.setError(f.at, true, errors.New(f.message))
}

func (r *dataReader) setError(at int, syntax bool, err error) {
	path := []byte(r.Path())
	for _, i := range r.index {
		path = step{index: i}.append(path)
	}
	r.err = newError(string(path), r.text, at, syntax, err)
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
		r.setSyntaxError(noValueError(r.text, p))
	case kind == String && r.datatype == tensor.Bytes:
		if _, _, f := stringEnd(r.text, p); f != nil {
			r.setSyntaxError(f)
		}
	case kind == Number && r.datatype != tensor.Bytes:
		r.rejectNumber(p)
	case kind == Array:
		r.fail(p, fmt.Errorf("found an array: the data is nested deeper than shape %v", r.shape))
	default:
		r.fail(p, fmt.Errorf("found %v, %v accepts %s", kind, r.datatype, accepts))
	}
}

func (r *dataReader) rejectNumber(p int) {
	n, ok := scanNumber(r.text, p)
	literal := r.text[p:n.end]
	switch {
	case !ok:
		r.setSyntaxError(badNumberError(r.text, p, n.end))
	case isInteger(r.datatype):
		below, above := limits(r.datatype)
		_, status := n.integer(r.text, below, above)
		r.fail(p, integerError(literal, status, r.datatype))
	default:
		r.fail(p, tooLargeError(literal, r.datatype))
	}
}

// rejectShallow sets the error for a missing inner array at p.
func (r *dataReader) rejectShallow(p int) {
	kind := kindAt(r.text, p)
	if kind == Invalid {
		r.setSyntaxError(noValueError(r.text, p))
		return
	}
	r.fail(p, fmt.Errorf("found %v, shape %v needs arrays nested %d deep, or a flat array", kind, r.shape, len(r.shape)))
}

// rejectLength sets the error for an array that has another number of entries than
// want. The array begins at the Scanner's position and is nested in depth other arrays.
func (r *dataReader) rejectLength(want int64, depth int) {
	r.index = r.index[:depth]
	begin := r.at
	end, f := skipValue(r.text, begin, r.depth+depth)
	if f != nil {
		r.setSyntaxError(f)
		return
	}
	count := countEntries(r.text[begin:end])
	if !r.nested {
		r.fail(begin, fmt.Errorf("found %s, shape %v needs %d", plural(count, "value", "values"), r.shape, want))
		return
	}
	r.fail(begin, fmt.Errorf("found %s, dimension %d of shape %v needs %d", plural(count, "entry", "entries"), depth, r.shape, want))
}

// rejectCount sets the error for data with fewer elements than the shape has.
func (r *dataReader) rejectCount(elements int64) {
	end, f := skipValue(r.text, r.at, r.depth)
	switch {
	case f != nil:
		r.setSyntaxError(f)
	case r.text[r.at] != '[':
		r.fail(r.at, fmt.Errorf("found %v, shape %v needs an array", r.Kind(), r.shape))
	default:
		count := plural(countValues(r.text[r.at:end]), "value", "values")
		r.fail(r.at, fmt.Errorf("found %s, shape %v needs %d", count, r.shape, elements))
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// countEntries returns the number of entries of an array. text must be valid JSON.
func countEntries(text []byte) int {
	count := 0
	for p := skipSpace(text, 1); text[p] != ']'; count++ {
		p, _ = skipValue(text, p, 0)
		if p = skipSpace(text, p); text[p] == ',' {
			p = skipSpace(text, p+1)
		}
	}
	return count
}

// countValues returns the number of values in an array and its inner arrays.
func countValues(text []byte) int {
	count := 0
	for p := 0; p < len(text); {
		switch c := text[p]; {
		case c == '[', c == ']', c == ',', isSpace(c):
			p++
		default:
			p, _ = skipValue(text, p, 0)
			count++
		}
	}
	return count
}

func isInteger(d tensor.DataType) bool { return d >= tensor.Bool && d <= tensor.Int64 }

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
