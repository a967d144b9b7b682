package tensorjson

import (
	"encoding/binary"
	"math/bits"
)

// Eight characters are processed at once in a uint64, the first in its lowest byte.
const (
	eachByte   = 0x0101010101010101
	zeros      = '0' * eachByte
	highBits   = 0x80 * eachByte
	aboveNines = (0x80 - 10) * eachByte
)

func load(text *[8]byte) uint64 { return binary.LittleEndian.Uint64(text[:]) }

// digitValues returns the values of eight characters as digits, and the number of
// leading characters that are digits, 0 to 8.
func digitValues(chars uint64) (values uint64, count int) {
	values = chars ^ zeros
	// A byte above 9 has its high bit set, before or after the addition. A carry can
	// only corrupt bytes after the first such byte.
	return values, bits.TrailingZeros64(((values+aboveNines)|values)&highBits) / 8
}

// firstDigits returns the number that the first count of eight digit values form.
// count is 1 to 8.
func firstDigits(values uint64, count int) uint64 {
	return eightDigits(values << (64 - 8*uint(count)))
}

// eightDigits returns the number that eight digit values form. It combines pairs, then
// pairs of pairs by two multiplications that leave their sum in the upper half.
func eightDigits(values uint64) uint64 {
	const pairs = 0x000000ff000000ff
	values = values*10 + values>>8
	return ((values&pairs)*(100+1000000<<32) + (values>>16&pairs)*(1+10000<<32)) >> 32
}

// toDigits is the inverse of eightDigits, for v below 10^8.
func toDigits(v uint64) (values uint64) {
	// Split into halves of four digits, then pairs, then single digits. Each division
	// is a multiplication that is exact for values of that size.
	v = v/10000 | v%10000<<32
	hundreds := v * 10486 >> 20 & (0x7f | 0x7f<<32)
	v = hundreds | (v-hundreds*100)<<16
	tens := v * 103 >> 10 & 0x000f000f000f000f
	return tens | (v-tens*10)<<8
}

// appendSmall appends v, which must be below 10^8, to dst, which must have capacity for
// 8 more bytes.
func appendSmall(dst []byte, v uint64) []byte {
	values := toDigits(v)
	// The last digit stays, even if it is 0.
	lead := bits.TrailingZeros64(values|1<<56) / 8
	dst = binary.LittleEndian.AppendUint64(dst, (values|zeros)>>(8*uint(lead)))
	return dst[:len(dst)-lead]
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// isSpace reports whether c is one of JSON's four whitespace characters.
func isSpace(c byte) bool { return c <= ' ' && 1<<c&(1<<' '|1<<'\t'|1<<'\n'|1<<'\r') != 0 }

// skipSpace returns the position of the first non-whitespace character from p on, or
// the text's end.
func skipSpace(text []byte, p int) int {
	for p < len(text) && isSpace(text[p]) {
		p++
	}
	return p
}
