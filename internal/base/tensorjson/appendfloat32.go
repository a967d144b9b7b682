package tensorjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// chunkOfFloats is for how many floats room is made at once.
const chunkOfFloats = 256

// Patterns of bits are in the order of the floats, from zero on.
const (
	infinite32 = 0x7f800000
	bits1e7    = 0x4b189680 // 1e7
	bits1e6th  = 0x358637bd // 1e-6
)

// appendFloat32s does for float32s what appendFloat64s does. They are what most tensors
// have, and have a way of their own: it takes two thirds of the time.
func appendFloat32s(dst, data []byte) (out []byte, bad int) {
	values, _ := tensor.View[float32](data)
	for start := 0; start < len(values); start += chunkOfFloats {
		chunk := values[start:min(start+chunkOfFloats, len(values))]
		dst = slices.Grow(dst, (len(chunk)+1)*mostFloat)
		room, end := dst[:cap(dst)], len(dst)
		for i, v := range chunk {
			if math.Float32bits(v)&infinite32 == infinite32 {
				return dst[:end], start + i
			}
			end += putFloat32((*[mostFloat]byte)(room[end:]), v)
			room[end] = ','
			end++
		}
		dst = dst[:end]
	}
	return dst, -1
}

// putFloat32 writes v, which is finite, and returns how many characters it has.
func putFloat32(to *[mostFloat]byte, v float32) int {
	pattern := math.Float32bits(v)
	// A sign is as often there as not, so it is counted and not branched on.
	at := int(pattern >> 31)
	to[0] = '-'
	pattern &= 1<<31 - 1
	f := math.Float32frombits(pattern)
	if pattern >= bits1e7 {
		return len(appendFloat(to[:0], float64(v), decompose(v)))
	}
	whole := uint64(int64(f))
	if float32(whole) == f {
		return len(appendSmall(to[:at], whole))
	}
	digits, power := shortest32(pattern)
	if pattern < bits1e6th {
		return putSmallFloat(to, at, digits, power)
	}
	places := -power
	if whole < 10 {
		binary.LittleEndian.PutUint16(to[at&1:], uint16('0'+whole)|'.'<<8)
		at = at&1 + 2
	} else {
		at = len(append(appendSmall(to[:at], whole), '.'))
	}
	fraction := digits - whole*wholePowers[places&15]
	if places <= 8 {
		low := toDigits(fraction * wholePowers[(8-places)&15])
		binary.LittleEndian.PutUint64(to[at&15:], low|zeros)
		return at + 8 - bits.LeadingZeros64(low)/8
	}
	fraction *= wholePowers[(16-places)&15]
	high, low := toDigits(fraction/1e8), toDigits(fraction%1e8)
	binary.LittleEndian.PutUint64(to[at&15:], high|zeros)
	binary.LittleEndian.PutUint64(to[at&15+8:], low|zeros)
	// Zeros at the end are left out: those of low, and of high where low has no others.
	spare := bits.LeadingZeros64(low) / 8
	spare += spare / 8 * (bits.LeadingZeros64(high) / 8)
	return at + 16 - spare
}

// putSmallFloat writes digits * 10^power, which has at most nine digits and is below
// 1e-6, with an exponent, from at on.
func putSmallFloat(to *[mostFloat]byte, at int, digits uint64, power int) int {
	count := countDigits(digits)
	digits *= wholePowers[(9-count)&15]
	low := toDigits(digits % 1e8)
	to[at&1] = byte('0' + digits/1e8)
	to[at&1+1] = '.'
	binary.LittleEndian.PutUint64(to[at&1+2:], low|zeros)
	at = at&1 + 10 - bits.LeadingZeros64(low)/8
	if low == 0 {
		at-- // the point
	}
	exponent := 1 - count - power
	binary.LittleEndian.PutUint16(to[at&15:], 'e'|'-'<<8)
	at = at&15 + 2
	if exponent >= 10 {
		to[at] = byte('0' + exponent/10)
		at++
	}
	to[at] = byte('0' + exponent%10)
	return at + 1
}
