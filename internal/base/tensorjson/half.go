package tensorjson

import (
	"bytes"
	"cmp"
	"math"
	"strconv"
)

// half is a 16-bit float format: the width of its fraction in bits and the bias of its
// exponent.
type half struct{ fraction, bias int }

var (
	float16  = half{fraction: 10, bias: 15}
	bfloat16 = half{fraction: 7, bias: 127}
)

// run reads elements as floatRun does.
func (h half) run(text []byte, p int, dst []uint16) (next, count int, why stop) {
	for i := range dst {
		f, end := fastFloat(text, p)
		if end > 0 && !h.isTie(f) {
			if pattern, ok := h.round(f); ok {
				if text[end] == ',' {
					dst[i] = pattern
					p = end + 1
					if text[p] <= ' ' {
						p = skipSpace(text, p)
					}
					continue
				}
				if text[end] == ']' {
					dst[i] = pattern
					return end, i + 1, atEnd
				}
			}
		}
		n, ok := scanNumber(text, p)
		if !ok {
			return p, i, atBad
		}
		if dst[i], ok = h.parse(text, n); !ok {
			return p, i, atBad
		}
		if p, why = nextElement(text, n.end); why != atMore {
			return p, i + 1, why
		}
	}
	return p, len(dst), atMore
}

// parse rounds a number to the nearest half, ties to even. ok is false if the result is
// infinite and the number is not.
func (h half) parse(text []byte, n number) (pattern uint16, ok bool) {
	if n.nonFinite != finite {
		return n.nonFinite.pattern(h, n.negative), true
	}
	d := n.decimal(text)
	f, ok := toFloat[float64](d, text[n.whole:n.end])
	if !ok {
		return 0, false
	}
	f = math.Abs(f)
	if h.isTie(f) {
		// The float64 nearest to the number is a tie between two halves; the number
		// itself may not be. A step towards the number leaves the tie.
		switch side := compare(text, n, d, f); {
		case side < 0:
			f = math.Nextafter(f, 0)
		case side > 0:
			f = math.Nextafter(f, math.Inf(1))
		}
	}
	if n.negative {
		f = -f
	}
	return h.round(f)
}

// isTie reports whether f is halfway between two halves, or between the largest one and
// infinity.
func (h half) isTie(f float64) bool {
	b := math.Float64bits(f) &^ (1 << 63)
	shift := 52 - h.fraction
	if b >= h.minNormal() {
		return b&(1<<shift-1) == 1<<(shift-1)
	}
	// f is an odd multiple of half a unit in the last place. A float64 holds it exactly.
	units := math.Float64frombits(b) * math.Ldexp(1, h.bias+h.fraction)
	return units == math.Trunc(units) && uint64(units)&1 == 1
}

// minNormal is the float64 bit pattern of the smallest normal half.
func (h half) minNormal() uint64 { return uint64(1023+1-h.bias) << 52 }

// round converts f to the nearest half, ties to even. ok is false if the result is
// infinite.
func (h half) round(f float64) (pattern uint16, ok bool) {
	b := math.Float64bits(f) &^ (1 << 63)
	shift := 52 - h.fraction
	var rounded uint64
	if b >= h.minNormal() {
		b += 1<<(shift-1) - 1 + b>>shift&1
		rounded = b>>shift - uint64(1023-h.bias)<<h.fraction
	} else {
		// The last bit of a float64 of this magnitude equals the last place of the
		// half, so the addition rounds.
		unit := uint64(1023+1-h.bias-h.fraction+52) << 52
		rounded = math.Float64bits(math.Float64frombits(b)+math.Float64frombits(unit)) - unit
	}
	sign := uint16(math.Float64bits(f) >> 48 & 0x8000)
	return sign | uint16(rounded), rounded < uint64(2*h.bias+1)<<h.fraction
}

// compare returns the sign of a number's magnitude minus f. f is the float64 nearest to
// that magnitude.
func compare(text []byte, n number, d decimal, f float64) int {
	if power := max(d.exponent, -d.exponent); !d.truncated && d.mantissa < 1<<53 && power < len(exactPowers) {
		// A fused multiply-add rounds once, which keeps the sign.
		w := float64(int64(d.mantissa))
		if d.exponent < 0 {
			return cmp.Compare(0, math.FMA(f, exactPowers[power], -w))
		}
		return cmp.Compare(math.FMA(w, exactPowers[power], -f), 0)
	}
	// A tie between halves has at most 95 digits, so this format is exact: one digit, a
	// point, the other digits, an e, and the power of ten of the first digit.
	const places = 100
	var buffer [places + 8]byte
	exact := strconv.AppendFloat(buffer[:0], f, 'e', places, 64)
	power, _ := strconv.Atoi(string(exact[places+3:]))
	exact[1] = exact[0]
	return n.compare(text, exact[1:places+2], power)
}

// compare returns the sign of a number's magnitude minus that of digits. The first
// digit is nonzero and has the given power of ten.
func (n number) compare(text, digits []byte, power int) int {
	found := 0
	for _, part := range [][]byte{text[n.whole:n.wholeEnd], text[n.fraction:n.fractionEnd]} {
		for i, c := range part {
			if found == 0 {
				if c == '0' {
					continue
				}
				// Zeros before it in the fraction lower its power, digits after it in the
				// integer part raise it.
				first := n.exponent + n.wholeEnd - n.whole - 1 - i
				if &part[0] == &text[n.fraction] {
					first = n.exponent - 1 - i
				}
				if first != power {
					return cmp.Compare(first, power)
				}
			}
			want := byte('0')
			if found < len(digits) {
				want = digits[found]
			}
			if c != want {
				return cmp.Compare(c, want)
			}
			found++
		}
	}
	if found < len(digits) && len(bytes.Trim(digits[found:], "0")) > 0 {
		return -1
	}
	return 0
}
