package tensorjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// maxFloatLen bounds the characters of a float: a sign, 21 digits, and slack for the
// writers that store eight digits at a time and then shorten the result.
const maxFloatLen = 32

// negativeZero has a point, because Python and RapidJSON read -0 as an integer, which has no sign.
const negativeZero = "-0.0"

// appendFloat64s appends the floats of data, each followed by a comma. Each is the
// shortest decimal that parses back to the same value, in encoding/json's format, except for
// negativeZero: with an exponent below 1e-6 and from 1e21 up.
//
// It takes 28 to 78 % of the CPU time of strconv.AppendFloat: see BenchmarkAppendFloats
// and docs/performance.md.
func appendFloat64s(dst, data []byte) []byte {
	values, _ := tensor.View[float64](data)
	for _, f := range values {
		if f-f != 0 {
			dst = append(append(dst, nameOf(math.IsNaN(f), f < 0)...), ',')
			continue
		}
		dst = append(appendFloat(dst, f, decompose(f)), ',')
	}
	return dst
}

func decompose[T float](v T) dyadic {
	if isFloat32[T]() {
		b := uint64(math.Float32bits(float32(v)))
		return fromFields(b&(1<<23-1), int(b>>23&0xff), 23, 127)
	}
	b := math.Float64bits(float64(v))
	return fromFields(b&(1<<52-1), int(b>>52&0x7ff), 52, 1023)
}

// fromFields decomposes a float by the bit fields of its format: its fraction and its
// biased exponent. places is the width of the fraction in bits.
func fromFields(fraction uint64, exponent, places, bias int) dyadic {
	if exponent == 0 {
		return dyadic{mantissa: fraction, exponent: 1 - bias - places}
	}
	return dyadic{mantissa: fraction | 1<<places, exponent: exponent - bias - places, narrow: fraction == 0 && exponent > 1}
}

// appendFloat appends f. b is the magnitude of f.
func appendFloat(dst []byte, f float64, b dyadic) []byte {
	dst = slices.Grow(dst, maxFloatLen)
	// Signs are unpredictable, so the length is computed without a branch.
	negative := int(math.Float64bits(f) >> 63)
	at := len(dst)
	dst = dst[:at+1]
	dst[at] = '-'
	dst = dst[:at+negative]
	f = math.Abs(f)
	whole := int64(min(f, 1e7))
	if float64(whole) == f {
		if f == 0 && negative > 0 {
			return append(dst, negativeZero[1:]...)
		}
		return appendSmall(dst, uint64(whole))
	}
	digits, power := b.shortest()
	if f < 1e7 && f >= 1e-6 && power >= -16 {
		return appendFixed(dst, whole, digits, -power)
	}
	for digits%10 == 0 {
		digits /= 10
		power++
	}
	return appendDecimal(dst, digits, power)
}

// appendFixed appends digits * 10^-places, which is not a whole number. whole is its
// integer part. places is at most 16.
func appendFixed(dst []byte, whole int64, digits uint64, places int) []byte {
	fraction := (digits - uint64(whole)*wholePowers[places&31]) * wholePowers[(16-places)&31]
	if whole < 10 {
		dst = append(dst, byte('0'+whole), '.')
	} else {
		dst = append(appendSmall(dst, uint64(whole)), '.')
	}
	high, low := toDigits(fraction/1e8), toDigits(fraction%1e8)
	dst = binary.LittleEndian.AppendUint64(dst, high|zeros)
	dst = binary.LittleEndian.AppendUint64(dst, low|zeros)
	// Trailing zeros are dropped: those of low, and those of high if low is all zeros.
	spare := bits.LeadingZeros64(low) / 8
	spare += spare / 8 * (bits.LeadingZeros64(high) / 8)
	return dst[:len(dst)-spare]
}

// appendDecimal appends digits * 10^power.
func appendDecimal(dst []byte, digits uint64, power int) []byte {
	count := countDigits(digits)
	switch point := count + power; {
	case point < -5 || point > 21:
		return appendExponent(dst, digits, count, point-1)
	case point <= 0:
		at := len(dst) + 2 - point
		dst = append(dst, "0.00000"[:2-point]...)
		dst = dst[:at+count]
		putDigits(dst[at:], digits)
		return dst
	case power >= 0:
		dst = strconv.AppendUint(dst, digits, 10)
		return append(dst, "000000000000000000000"[:power]...)
	default:
		at := len(dst)
		dst = dst[:at+count+1]
		putDigits(dst[at+1:], digits)
		copy(dst[at:at+point], dst[at+1:])
		dst[at+point] = '.'
		return dst
	}
}

func appendExponent(dst []byte, digits uint64, count, exponent int) []byte {
	at := len(dst)
	dst = dst[:at+count+1]
	putDigits(dst[at+1:], digits)
	dst[at] = dst[at+1]
	dst[at+1] = '.'
	if count == 1 {
		dst = dst[:at+1]
	}
	dst = append(dst, 'e')
	if exponent > 0 {
		dst = append(dst, '+')
	}
	return strconv.AppendInt(dst, int64(exponent), 10)
}

// countDigits returns the number of v's decimal digits, 1 for 0.
func countDigits(v uint64) int {
	// 1233/4096 approximates log10(2) closely enough for 64 bits.
	n := bits.Len64(v|1) * 1233 >> 12
	if n < len(wholePowers) && v >= wholePowers[n] {
		n++
	}
	return max(n, 1)
}

const pairsOfDigits = "00010203040506070809" +
	"10111213141516171819" +
	"20212223242526272829" +
	"30313233343536373839" +
	"40414243444546474849" +
	"50515253545556575859" +
	"60616263646566676869" +
	"70717273747576777879" +
	"80818283848586878889" +
	"90919293949596979899"

// putDigits writes v's digits to dst, whose length must be their number.
func putDigits(dst []byte, v uint64) {
	end := len(dst)
	for v >= 100 {
		pair := v % 100 * 2
		v /= 100
		end -= 2
		dst[end], dst[end+1] = pairsOfDigits[pair], pairsOfDigits[pair+1]
	}
	if v >= 10 {
		dst[end-2], dst[end-1] = pairsOfDigits[v*2], pairsOfDigits[v*2+1]
		return
	}
	dst[end-1] = byte('0' + v)
}
