package tensorjson

import (
	"math/bits"
	"unsafe"
)

// integer is the element type of an integer datatype.
type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// magnitudes returns the largest magnitudes of T's negative and positive values.
func magnitudes[T integer]() (below, above uint64) {
	var zero T
	above = 1<<(8*unsafe.Sizeof(zero)) - 1
	if zero-1 < 0 {
		above >>= 1
		below = above + 1
	}
	return below, above
}

// integerRun reads elements as floatRun does.
func integerRun[T integer](text []byte, p int, dst []T) (next, count int, why stop) {
	below, above := magnitudes[T]()
	// fastInteger returns at most 16 digits, so the 64-bit limits may be clamped here.
	minimum, maximum := -int64(min(below, 1<<62)), int64(min(above, 1<<62))
	for i := range dst {
		v, end := fastInteger(text, p)
		if end > 0 && v >= minimum && v <= maximum {
			if text[end] == ',' {
				dst[i] = T(v)
				p = end + 1
				if text[p] <= ' ' {
					p = skipSpace(text, p)
				}
				continue
			}
			if text[end] == ']' {
				dst[i] = T(v)
				return end, i + 1, atEnd
			}
		}
		n, ok := scanNumber(text, p)
		if !ok {
			return p, i, atBad
		}
		value, status := n.integer(text, below, above)
		if status != whole {
			return p, i, atBad
		}
		dst[i] = T(value)
		if p, why = nextElement(text, n.end); why != atMore {
			return p, i + 1, why
		}
	}
	return p, len(dst), atMore
}

// boolRun reads elements as floatRun does. It accepts true, false, 1 and 0; some
// clients send numbers for BOOL.
func boolRun(text []byte, p int, dst []uint8) (next, count int, why stop) {
	for i := range dst {
		var end int
		switch {
		case hasLiteral(text, p, "true"):
			dst[i], end = 1, p+len("true")
		case hasLiteral(text, p, "false"):
			dst[i], end = 0, p+len("false")
		default:
			n, ok := scanNumber(text, p)
			if !ok {
				return p, i, atBad
			}
			value, status := n.integer(text, 0, 1)
			if status != whole {
				return p, i, atBad
			}
			dst[i], end = uint8(value), n.end
		}
		if p, why = nextElement(text, end); why != atMore {
			return p, i + 1, why
		}
	}
	return p, len(dst), atMore
}

func hasLiteral(text []byte, p int, word string) bool {
	return len(text)-p >= len(word) && string(text[p:p+len(word)]) == word
}

// wholeness reports whether a number is an integer in range.
type wholeness uint8

const (
	whole wholeness = iota
	notWhole
	tooLarge
)

// integer returns a number's value in two's complement if it is whole and its magnitude
// does not exceed the given one for its sign. 1.0 and 1e3 are whole: JSON has one
// number type, and some clients write every number that way.
func (n number) integer(text []byte, below, above uint64) (value uint64, status wholeness) {
	if n.nonFinite != finite {
		return 0, notWhole
	}
	digits, fraction := text[n.whole:n.wholeEnd], text[n.fraction:n.fractionEnd]
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	// The value is the digits of both parts times this power of ten.
	power := n.exponent - len(fraction)
	if len(fraction) == 0 && power < 0 {
		for len(digits) > 1 && digits[len(digits)-1] == '0' {
			digits = digits[:len(digits)-1]
			power++
		}
	}
	exceeds := false
	for _, part := range [][]byte{digits, fraction} {
		for _, c := range part {
			value, exceeds = mulAdd(value, 10, uint64(c-'0'), exceeds)
		}
	}
	if value == 0 && !exceeds {
		return 0, whole
	}
	if power < 0 {
		return 0, notWhole
	}
	for ; power > 0 && !exceeds; power-- {
		value, exceeds = mulAdd(value, 10, 0, exceeds)
	}
	switch {
	case exceeds, n.negative && value > below, !n.negative && value > above:
		return 0, tooLarge
	case n.negative:
		return -value, whole
	default:
		return value, whole
	}
}

// mulAdd returns v*factor + more, and whether this or an earlier step overflowed a
// uint64.
func mulAdd(v, factor, more uint64, exceeded bool) (uint64, bool) {
	high, low := bits.Mul64(v, factor)
	sum, carry := bits.Add64(low, more, 0)
	return sum, exceeded || high != 0 || carry != 0
}
