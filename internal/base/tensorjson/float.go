package tensorjson

import (
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// float is a type to which decimals are rounded.
type float interface{ float32 | float64 }

// isFloat32 is a constant in each instantiation.
func isFloat32[T float]() bool {
	var zero T
	return unsafe.Sizeof(zero) == 4
}

// parseFloat rounds the number at p to the nearest T, as toFloat does. A NaN or an infinity that is
// written as such is ok.
func parseFloat[T float](text []byte, p int, n number) (value T, ok bool) {
	if n.nonFinite != finite {
		return T(n.nonFinite.value(n.negative)), true
	}
	return toFloat[T](n.decimal(text), text[p:n.end])
}

// toFloat rounds a decimal to the nearest T, ties to even. The result is that of
// strconv.ParseFloat for text, the number's characters. ok is false if it is infinite.
func toFloat[T float](d decimal, text []byte) (value T, ok bool) {
	if value, ok = exactFloat[T](d); ok {
		return value, true
	}
	pattern, decided := eiselLemire[T](d.mantissa, d.exponent)
	if decided && d.truncated {
		above, sure := eiselLemire[T](d.mantissa+1, d.exponent)
		decided = sure && above == pattern
	}
	if !decided {
		size := int(unsafe.Sizeof(value)) * 8
		// The string is the text's own memory; strconv does not keep it.
		parsed, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), size)
		return T(parsed), err == nil
	}
	if isFloat32[T]() {
		value = T(math.Float32frombits(uint32(pattern)))
	} else {
		value = T(math.Float64frombits(pattern))
	}
	if d.negative {
		value = -value
	}
	return value, !math.IsInf(float64(value), 0)
}

// exactFloat rounds a decimal whose mantissa and power of ten are both exact float64s.
// Their product or quotient is rounded once (Clinger, "How to read floating point
// numbers accurately"). ok is false for other decimals.
func exactFloat[T float](d decimal) (value T, ok bool) {
	if d.truncated || d.mantissa >= 1<<53 || d.exponent < -22 || d.exponent > 22 {
		return 0, false
	}
	f := float64(int64(d.mantissa))
	if d.exponent < 0 {
		f /= exactPowers[-d.exponent]
	} else {
		f *= exactPowers[d.exponent]
	}
	if d.negative {
		f = -f
	}
	if isFloat32[T]() && isTie32(f) {
		return 0, false
	}
	return T(f), true
}

// isTie32 reports whether f is halfway between two float32s. Only near such a tie can
// rounding to float64 first and to float32 second differ from rounding once. f is 0 or
// in the range of normal float32s.
func isTie32(f float64) bool { return math.Float64bits(f)&(1<<29-1) == 1<<28 }

// eiselLemire rounds w * 10^q to the bit pattern of the nearest T, ties to even, by
// one or two multiplications with the first 128 bits of the power (Lemire, "Number
// parsing at a gigabyte per second"; Mushtak and Lemire, "Fast number parsing
// without fallback"). decided is false if 128 bits do not determine the result.
func eiselLemire[T float](w uint64, q int) (pattern uint64, decided bool) {
	// The format's fraction bits, exponent bias and exponent of infinity; the powers
	// of ten below which every result is 0 and above which it is infinite; and the
	// range of powers in which ties occur.
	fraction, bias, infinite := 52, 1023, 0x7ff
	minPowerOf10, maxPowerOf10, firstTie, lastTie := -maxPower, 308, -4, 23
	if isFloat32[T]() {
		fraction, bias, infinite = 23, 127, 0xff
		minPowerOf10, maxPowerOf10, firstTie, lastTie = -64, 38, -17, 10
	}
	if w == 0 || q < minPowerOf10 {
		return 0, true
	}
	if q > maxPowerOf10 {
		return uint64(infinite) << fraction, true
	}
	leading := bits.LeadingZeros64(w)
	w <<= leading
	p := powers[q+maxPower]
	high, low := bits.Mul64(w, p.high)
	// The fraction, the bit that may be above it, the rounding bit and one more.
	if undecided := uint64(math.MaxUint64) >> (fraction + 3); high&undecided == undecided {
		more, _ := bits.Mul64(w, p.low)
		var carry uint64
		low, carry = bits.Add64(low, more, 0)
		high += carry
		if low == math.MaxUint64 && (q < -27 || q > 55) {
			return 0, false
		}
	}
	upper := int(high >> 63)
	shift := upper + 64 - fraction - 3
	mantissa := high >> shift
	// 217706/65536 approximates log2(10) closely enough for these q.
	exponent := 217706*q>>16 + 63 + upper - leading + bias
	if exponent <= 0 {
		if exponent <= -63 {
			return 0, true
		}
		// A subnormal: no decimal with a 64-bit mantissa is a tie there.
		mantissa >>= 1 - exponent
		return (mantissa + mantissa&1) >> 1, true
	}
	if low <= 1 && q >= firstTie && q <= lastTie && mantissa&3 == 1 && mantissa<<shift == high {
		mantissa &^= 1 // a tie above an even number
	}
	// A carry out of the fraction increments the exponent.
	mantissa = (mantissa + mantissa&1) >> 1
	pattern = uint64(exponent-1)<<fraction + mantissa
	return min(pattern, uint64(infinite)<<fraction), true
}
