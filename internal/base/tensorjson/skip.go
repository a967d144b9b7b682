package tensorjson

// MaxDepth is how deep arrays and objects may nest in a text.
const MaxDepth = 128

// skipValue returns the position behind the value that begins at p, which it checks
// to be JSON. depth counts the arrays and objects around it.
func skipValue(text []byte, p, depth int) (next int, f *flaw) {
	if p >= len(text) {
		return p, valueFlaw(text, p)
	}
	switch c := text[p]; {
	case c == '"':
		p, _, f = stringEnd(text, p)
		return p, f
	case c == '-' || isDigit(c):
		n, ok := scanNumber(text, p)
		if !ok {
			return p, numberFlaw(text, p, n.end)
		}
		return n.end, nil
	case c == '[':
		return skipArray(text, p, depth+1)
	case c == '{':
		return skipObject(text, p, depth+1)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if hasWord(text, p, word) {
			return p + len(word), nil
		}
	}
	return p, valueFlaw(text, p)
}

func skipArray(text []byte, p, depth int) (next int, f *flaw) {
	if depth > MaxDepth {
		return p, depthFlaw(p)
	}
	p = skipSpace(text, p+1)
	if p < len(text) && text[p] == ']' {
		return p + 1, nil
	}
	for {
		// Whatever quickFloat takes up to a comma is a number.
		if _, end := quickFloat(text, p); end > 0 && text[end] == ',' {
			p = skipSpace(text, end+1)
			continue
		}
		if p, f = skipValue(text, p, depth); f != nil {
			return p, f
		}
		var why stop
		switch p, why = nextElement(text, p); why {
		case atMore:
		case atEnd:
			return p + 1, nil
		default:
			return p, nextFlaw(text, p, ']')
		}
	}
}

func skipObject(text []byte, p, depth int) (next int, f *flaw) {
	if depth > MaxDepth {
		return p, depthFlaw(p)
	}
	p = skipSpace(text, p+1)
	if p < len(text) && text[p] == '}' {
		return p + 1, nil
	}
	for {
		if p, _, f = keyEnd(text, p); f != nil {
			return p, f
		}
		if p, f = colon(text, p); f != nil {
			return p, f
		}
		if p, f = skipValue(text, p, depth); f != nil {
			return p, f
		}
		p = skipSpace(text, p)
		switch {
		case p < len(text) && text[p] == ',':
			p = skipSpace(text, p+1)
		case p < len(text) && text[p] == '}':
			return p + 1, nil
		default:
			return p, nextFlaw(text, p, '}')
		}
	}
}

// keyEnd is stringEnd for what must be an object's key.
func keyEnd(text []byte, p int) (next int, escaped bool, f *flaw) {
	switch {
	case p >= len(text):
		return p, false, flawf(p, "it ends where a key should be")
	case text[p] != '"':
		return p, false, flawf(p, "found %s where a key in quotes should be", quoteAt(text, p))
	default:
		return stringEnd(text, p)
	}
}

// colon goes from the end of a key to its value.
func colon(text []byte, p int) (next int, f *flaw) {
	p = skipSpace(text, p)
	switch {
	case p >= len(text):
		return p, flawf(p, "it ends where a colon should be")
	case text[p] != ':':
		return p, flawf(p, "found %s where a colon should be", quoteAt(text, p))
	default:
		return skipSpace(text, p+1), nil
	}
}

func depthFlaw(p int) *flaw {
	return flawf(p, "arrays and objects are nested more than %d deep", MaxDepth)
}
