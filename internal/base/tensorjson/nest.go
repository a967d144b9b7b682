package tensorjson

import "fmt"

// read reads the elements. It reports whether there was no error.
func (r *dataReader) read() bool {
	if r.text[r.at] != '[' {
		return r.readScalar()
	}
	first := skipSpace(r.text, r.at+1)
	r.nested = len(r.shape) > 1 && first < len(r.text) && r.text[first] == '['
	if r.nested && r.depth+len(r.shape) > MaxDepth {
		r.setSyntaxError(depthError(first))
		return false
	}
	if r.nested {
		r.index = make([]int, 0, len(r.shape))
		return r.readNested(0)
	}
	return r.readRow(r.elements, 0)
}

// readScalar reads a value outside an array.
func (r *dataReader) readScalar() bool {
	if len(r.shape) > 0 {
		r.fail(r.at, fmt.Errorf("found %v, shape %v needs an array", r.Kind(), r.shape))
		return false
	}
	if _, count, _ := r.run(r.at, 0, 1); count == 0 {
		r.reject(r.at)
		return false
	}
	// The run may have passed a comma of the array or object that contains the value.
	r.at, _ = skipValue(r.text, r.at, r.depth)
	return true
}

// readRow reads an array of that many elements without inner arrays, nested in depth
// other arrays.
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
		r.rejectLength(int64(elements), depth)
	case atBad:
		r.index = append(r.index[:depth], count)
		r.reject(next)
	case atOther:
		r.setSyntaxError(separatorError(r.text, next, ']'))
	}
	return false
}

// readNested reads the array of a dimension other than the last.
func (r *dataReader) readNested(dimension int) bool {
	begin, size := r.at, r.shape[dimension]
	p := skipSpace(r.text, begin+1)
	if p < len(r.text) && r.text[p] == ']' {
		return r.close(p, 0, size, dimension)
	}
	for i := 0; int64(i) < size; i++ {
		r.index = append(r.index[:dimension], i)
		if p >= len(r.text) || r.text[p] != '[' {
			r.rejectShallow(p)
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
			r.setSyntaxError(separatorError(r.text, p, ']'))
			return false
		case atMore, atBad:
		}
	}
	r.at = begin
	r.rejectLength(size, dimension)
	return false
}

func (r *dataReader) readInner(dimension int) bool {
	if dimension == len(r.shape)-1 {
		return r.readRow(int(r.shape[dimension]), dimension)
	}
	return r.readNested(dimension)
}

// close moves past the bracket at p. It closes an array of count entries that begins at
// the Scanner's position and is nested in depth other arrays.
func (r *dataReader) close(p, count int, want int64, depth int) bool {
	if int64(count) != want {
		r.rejectLength(want, depth)
		return false
	}
	r.at = p + 1
	return true
}
