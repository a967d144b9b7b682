package tensorjson

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// What follows says why a tensor's data was not taken. It looks at the text again,
// so that the code that reads need not keep what only an error needs.

func (r *dataReader) fail(at int, err error) {
	r.setError(at, false, err)
}

func (r *dataReader) flawed(f *flaw) {
	r.setError(f.at, true, errors.New(f.message))
}

func (r *dataReader) setError(at int, syntax bool, err error) {
	path := []byte(r.Path())
	for _, i := range r.index {
		path = step{index: i}.append(path)
	}
	r.err = newError(string(path), r.text, at, syntax, err)
}

// refuse says why the element at p is none.
func (r *dataReader) refuse(p int) {
	kind := kindAt(r.text, p)
	takes := "numbers"
	switch r.datatype {
	case tensor.Bool:
		takes = "true and false"
	case tensor.Bytes:
		takes = "strings"
	}
	switch {
	case kind == Invalid:
		r.flawed(valueFlaw(r.text, p))
	case kind == String && r.datatype == tensor.Bytes:
		if _, _, f := stringEnd(r.text, p); f != nil {
			r.flawed(f)
		}
	case kind == Number && r.datatype != tensor.Bytes:
		r.refuseNumber(p)
	case kind == Array:
		r.fail(p, fmt.Errorf("found an array: the data nests deeper than shape %v", r.shape))
	default:
		r.fail(p, fmt.Errorf("found %v, %v takes %s", kind, r.datatype, takes))
	}
}

func (r *dataReader) refuseNumber(p int) {
	n, ok := scanNumber(r.text, p)
	literal := r.text[p:n.end]
	switch {
	case !ok:
		r.flawed(numberFlaw(r.text, p, n.end))
	case isInteger(r.datatype):
		below, above := limits(r.datatype)
		_, status := n.integer(r.text, below, above)
		r.fail(p, integerError(literal, status, r.datatype))
	default:
		r.fail(p, tooLargeError(literal, r.datatype))
	}
}

// refuseShallow says that no array is at p, where one should be.
func (r *dataReader) refuseShallow(p int) {
	kind := kindAt(r.text, p)
	if kind == Invalid {
		r.flawed(valueFlaw(r.text, p))
		return
	}
	r.fail(p, fmt.Errorf("found %v, shape %v takes arrays nested %d deep, or a flat one", kind, r.shape, len(r.shape)))
}

// refuseLength says how many entries the array has that begins where the Scanner
// stands, and that want fit. depth others are around it.
func (r *dataReader) refuseLength(want int64, depth int) {
	r.index = r.index[:depth]
	begin := r.at
	end, f := skipValue(r.text, begin, r.depth+depth)
	if f != nil {
		r.flawed(f)
		return
	}
	count := countEntries(r.text[begin:end])
	if !r.nested {
		r.fail(begin, fmt.Errorf("%s, shape %v takes %d", counted(count, "value", "values"), r.shape, want))
		return
	}
	r.fail(begin, fmt.Errorf("%s, dimension %d of shape %v takes %d", counted(count, "entry", "entries"), depth, r.shape, want))
}

// refuseCount says how many elements there are, which are fewer than the shape's.
func (r *dataReader) refuseCount(elements int64) {
	end, f := skipValue(r.text, r.at, r.depth)
	switch {
	case f != nil:
		r.flawed(f)
	case r.text[r.at] != '[':
		r.fail(r.at, fmt.Errorf("found %v, shape %v takes an array", r.Kind(), r.shape))
	default:
		count := counted(countValues(r.text[r.at:end]), "value", "values")
		r.fail(r.at, fmt.Errorf("%s, shape %v takes %d", count, r.shape, elements))
	}
}

func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// countEntries returns how many entries an array has, whose text is JSON.
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

// countValues returns how many values are in an array and the arrays in it.
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

// limits returns the largest magnitudes that an integer datatype holds.
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
		return fmt.Errorf("%s is no whole number, which %v takes", excerpt(literal), d)
	}
	below, above := limits(d)
	least := "0"
	if below > 0 {
		least = fmt.Sprintf("-%d", below)
	}
	return fmt.Errorf("%s does not fit %v, which takes %s to %d", excerpt(literal), d, least, above)
}

func tooLargeError(literal []byte, d tensor.DataType) error {
	return fmt.Errorf("%s is too large for %v", excerpt(literal), d)
}
