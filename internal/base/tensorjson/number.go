package tensorjson

// number holds the positions of a JSON number's parts in its text.
type number struct {
	// The integer part is whole..wholeEnd-1, the digits after the point are
	// fraction..fractionEnd-1, and end is the position after the exponent.
	whole, wholeEnd, fraction, fractionEnd, end int
	exponent                                    int
	negative                                    bool
	nonFinite                                   nonFinite // such a number has no digits
}

// maxExponent clamps exponents. Digits before or after the point can compensate for an
// exponent, but no text has this many.
const maxExponent = 1 << 40

// scanNumber finds the parts of the number at p. ok is false if it is malformed; end is
// then the first wrong character.
func scanNumber(text []byte, p int) (n number, ok bool) {
	if p < len(text) && text[p] == '-' {
		n.negative = true
		p++
	}
	n.whole = p
	p = skipDigits(text, p)
	n.wholeEnd, n.fraction, n.fractionEnd, n.end = p, p, p, p
	if p == n.whole {
		n.nonFinite, n.end = scanNonFinite(text, p)
		return n, n.nonFinite != finite
	}
	if text[n.whole] == '0' && p > n.whole+1 {
		n.end = n.whole + 1
		return n, false
	}
	if p < len(text) && text[p] == '.' {
		n.fraction = p + 1
		p = skipDigits(text, p+1)
		n.fractionEnd, n.end = p, p
		if p == n.fraction {
			return n, false
		}
	}
	if p < len(text) && text[p]|0x20 == 'e' {
		n.exponent, n.end, ok = scanExponent(text, p+1)
		return n, ok
	}
	return n, true
}

// scanExponent reads the exponent after the e.
func scanExponent(text []byte, p int) (exponent, next int, ok bool) {
	negative := false
	if p < len(text) && (text[p] == '+' || text[p] == '-') {
		negative = text[p] == '-'
		p++
	}
	start := p
	for ; p < len(text) && isDigit(text[p]); p++ {
		exponent = min(exponent*10+int(text[p]-'0'), maxExponent)
	}
	if negative {
		exponent = -exponent
	}
	return exponent, p, p > start
}

func skipDigits(text []byte, p int) int {
	for len(text)-p >= 8 {
		_, n := digitValues(load((*[8]byte)(text[p:])))
		p += n
		if n < 8 {
			return p
		}
	}
	for p < len(text) && isDigit(text[p]) {
		p++
	}
	return p
}
