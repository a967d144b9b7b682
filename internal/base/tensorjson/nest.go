package tensorjson

import "fmt"

// read reads the elements. It reports whether there was no error.
func (r *dataReader) read() bool {
	if r.text[r.at] != '[' {
		return r.readScalar()
	}
	return r.readArray()
}

// readScalar reads a value outside an array.
func (r *dataReader) readScalar() bool {
	if len(r.shape) > 0 {
		r.failAt(r.at, fmt.Errorf("found %v, shape %v needs an array", r.Kind(), r.shape))
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

// readArray reads an array and its inner arrays. Only the order of the elements and their number
// count.
func (r *dataReader) readArray() bool {
	p, depth, why := r.at, 0, atMore
	for {
		for why == atMore && p < len(r.text) && r.text[p] == '[' {
			if depth++; r.depth+depth > MaxDepth {
				r.setSyntaxError(depthError(p))
				return false
			}
			if p = skipSpace(r.text, p+1); p < len(r.text) && r.text[p] == ']' {
				why = atEnd // of an empty array
			}
		}
		if why == atMore {
			var ok bool
			if p, why, ok = r.readElements(p); !ok {
				return false
			}
		}
		for ; why == atEnd; p, why = nextElement(r.text, p+1) {
			if depth--; depth == 0 {
				return r.close(p)
			}
		}
		if why == atOther {
			r.rejectSeparator(p)
			return false
		}
	}
}

// readElements reads the elements from p up to the end of their array or an inner array.
func (r *dataReader) readElements(p int) (next int, why stop, ok bool) {
	next, count, why := r.run(p, r.count, r.elements)
	r.count += count
	switch {
	case why == atEnd, why == atOther:
		return next, why, true
	case next < len(r.text) && r.text[next] == '[':
		return next, atMore, true // after all elements, too: it may be empty
	case why == atBad:
		r.reject(next)
	default:
		r.rejectCount()
	}
	return next, why, false
}

// close moves past the outermost bracket, which is at p.
func (r *dataReader) close(p int) bool {
	if r.count != r.elements {
		r.rejectCount()
		return false
	}
	r.at = p + 1
	return true
}
