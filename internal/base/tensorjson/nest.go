package tensorjson

import "fmt"

// read reads the elements, and reports whether all is well.
func (r *dataReader) read() bool {
	if r.text[r.at] != '[' {
		return r.readScalar()
	}
	first := skipSpace(r.text, r.at+1)
	r.nested = len(r.shape) > 1 && first < len(r.text) && r.text[first] == '['
	if r.nested && r.depth+len(r.shape) > MaxDepth {
		r.flawed(depthFlaw(first))
		return false
	}
	if r.nested {
		r.index = make([]int, 0, len(r.shape))
		return r.readNested(0)
	}
	return r.readRow(r.elements, 0)
}

// readScalar reads a value that is in no array.
func (r *dataReader) readScalar() bool {
	if len(r.shape) > 0 {
		r.fail(r.at, fmt.Errorf("found %v, shape %v takes an array", r.Kind(), r.shape))
		return false
	}
	if _, count, _ := r.run(r.at, 0, 1); count == 0 {
		r.refuse(r.at)
		return false
	}
	// The run may have gone on, behind a comma of what is around the value.
	r.at, _ = skipValue(r.text, r.at, r.depth)
	return true
}

// readRow reads an array of that many elements, which no array in it divides, within
// depth others.
func (r *dataReader) readRow(elements, depth int) bool {
	p := skipSpace(r.text, r.at+1)
	if p < len(r.text) && r.text[p] == ']' {
		return r.close(p, 0, int64(elements), depth)
	}
	next, count, why := r.run(p, r.count, r.count+elements)
	r.count += count
	switch why {
	case atEnd:
		return r.close(next, count, int64(elements), depth)
	case atMore:
		r.refuseLength(int64(elements), depth)
	case atBad:
		r.index = append(r.index[:depth], count)
		r.refuse(next)
	case atOther:
		r.flawed(nextFlaw(r.text, next, ']'))
	}
	return false
}

// readNested reads the array of a dimension before the last.
func (r *dataReader) readNested(dimension int) bool {
	begin, size := r.at, r.shape[dimension]
	p := skipSpace(r.text, begin+1)
	if p < len(r.text) && r.text[p] == ']' {
		return r.close(p, 0, size, dimension)
	}
	for i := 0; int64(i) < size; i++ {
		r.index = append(r.index[:dimension], i)
		if p >= len(r.text) || r.text[p] != '[' {
			r.refuseShallow(p)
			return false
		}
		r.at = p
		if !r.readInner(dimension + 1) {
			return false
		}
		var why stop
		switch p, why = nextElement(r.text, r.at); why {
		case atEnd:
			r.at = begin
			return r.close(p, i+1, size, dimension)
		case atOther:
			r.flawed(nextFlaw(r.text, p, ']'))
			return false
		case atMore, atBad:
		}
	}
	r.at = begin
	r.refuseLength(size, dimension)
	return false
}

func (r *dataReader) readInner(dimension int) bool {
	if dimension == len(r.shape)-1 {
		return r.readRow(int(r.shape[dimension]), dimension)
	}
	return r.readNested(dimension)
}

// close goes behind the bracket at p that closes an array of count entries, which
// begins where the Scanner stands. depth others are around it.
func (r *dataReader) close(p, count int, want int64, depth int) bool {
	if int64(count) != want {
		r.refuseLength(want, depth)
		return false
	}
	r.at = p + 1
	return true
}
