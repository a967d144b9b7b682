package tensorjson

// MaxDepth is the maximum nesting depth of arrays and objects.
const MaxDepth = 128

// skipValue validates the value that begins at p and returns the position after it.
// depth is the number of enclosing arrays and objects.
func skipValue(text []byte, p, depth int) (next int, f *syntaxError) {
	if p >= len(text) {
		return p, noValueError(text, p)
	}
	switch c := text[p]; {
	case c == '"':
		p, _, f = stringEnd(text, p)
		return p, f
	case c == '-' || isDigit(c) || isNonFinite(text, p):
		n, ok := scanNumber(text, p)
		if !ok {
			return p, badNumberError(text, p, n.end)
		}
		return n.end, nil
	case c == '[':
		return skipArray(text, p, depth+1)
	case c == '{':
		return skipObject(text, p, depth+1)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if hasLiteral(text, p, word) {
			return p + len(word), nil
		}
	}
	return p, noValueError(text, p)
}

func skipArray(text []byte, p, depth int) (next int, f *syntaxError) {
	if depth > MaxDepth {
		return p, depthError(p)
	}
	p = skipSpace(text, p+1)
	if p < len(text) && text[p] == ']' {
		return p + 1, nil
	}
	for {
		// Text that fastFloat accepts up to a comma is a number.
		if _, end := fastFloat(text, p); end > 0 && text[end] == ',' {
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
			return p, separatorError(text, p, ']')
		}
	}
}

func skipObject(text []byte, p, depth int) (next int, f *syntaxError) {
	if depth > MaxDepth {
		return p, depthError(p)
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
			return p, separatorError(text, p, '}')
		}
	}
}

// keyEnd is stringEnd for an object's key.
func keyEnd(text []byte, p int) (next int, escaped bool, f *syntaxError) {
	switch {
	case p >= len(text):
		return p, false, syntaxErrorf(p, "unexpected end, want a key")
	case text[p] != '"':
		return p, false, syntaxErrorf(p, "found %s, want a key in quotes", quoteAt(text, p))
	default:
		return stringEnd(text, p)
	}
}

// colon returns the position of the value after the key that ends at p.
func colon(text []byte, p int) (next int, f *syntaxError) {
	p = skipSpace(text, p)
	switch {
	case p >= len(text):
		return p, syntaxErrorf(p, "unexpected end, want a colon")
	case text[p] != ':':
		return p, syntaxErrorf(p, "found %s, want a colon", quoteAt(text, p))
	default:
		return skipSpace(text, p+1), nil
	}
}

func depthError(p int) *syntaxError {
	return syntaxErrorf(p, "arrays and objects are nested more than %d deep", MaxDepth)
}
