package tensorjson

// stop says why a run of elements ended.
type stop uint8

const (
	// atEnd is the array's closing bracket.
	atEnd stop = iota
	// atMore is where the next element should be, behind the comma after the last
	// that there is room for.
	atMore
	// atBad is an element that cannot be taken, or no element at all.
	atBad
	// atOther is what follows an element and is neither comma nor bracket.
	atOther
)

// floatRun reads elements of an array into dst, from the one that begins at p. It
// returns where it stopped and why, and how many elements it read.
func floatRun[T float](text []byte, p int, dst []T) (next, count int, why stop) {
	for i := range dst {
		f, end := quickFloat(text, p)
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
		value, ok := toFloat[T](n.decimal(text), text[p:n.end])
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

// nextElement goes from the end of one element to the next.
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
