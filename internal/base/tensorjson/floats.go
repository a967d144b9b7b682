package tensorjson

// stop is the reason why a run of elements ended.
type stop uint8

const (
	// atEnd is the array's closing bracket.
	atEnd stop = iota
	// atMore is the position of another element, after the one that filled dst.
	atMore
	// atBad is an element that is not accepted, or not a value at all.
	atBad
	// atOther is neither a comma nor a closing bracket after an element.
	atOther
)

// floatRun reads elements of an array into dst. The first element begins at p. It
// returns where and why it stopped, and the number of elements it read.
func floatRun[T float](text []byte, p int, dst []T) (next, count int, why stop) {
	for i := range dst {
		f, end := fastFloat(text, p)
		if end > 0 && !(isFloat32[T]() && isTie32(f)) {
			if text[end] == ',' {
				dst[i] = T(f)
				p = end + 1
				if text[p] <= ' ' {
					p = skipSpace(text, p)
				}
				continue
			}
			if text[end] == ']' {
				dst[i] = T(f)
				return end, i + 1, atEnd
			}
		}
		n, ok := scanNumber(text, p)
		if !ok {
			return p, i, atBad
		}
		value, ok := parseFloat[T](text, p, n)
		if !ok {
			return p, i, atBad
		}
		dst[i] = value
		if p, why = nextElement(text, n.end); why != atMore {
			return p, i + 1, why
		}
	}
	return p, len(dst), atMore
}

// nextElement returns the position of the element after the one that ends at p.
func nextElement(text []byte, p int) (next int, why stop) {
	p = skipSpace(text, p)
	switch {
	case p >= len(text):
		return p, atOther
	case text[p] == ',':
		return skipSpace(text, p+1), atMore
	case text[p] == ']':
		return p, atEnd
	default:
		return p, atOther
	}
}
