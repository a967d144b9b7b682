package tensorjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// floatsPerChunk is the number of floats for which the buffer is grown at once.
const floatsPerChunk = 256

// The bit patterns of non-negative floats sort like the floats, so bounds are compared
// as integers.
const (
	infinite32 = 0x7f800000
	bits1e7    = 0x4b189680 // 1e7
	bits1e6th  = 0x358637bd // 1e-6
)

// appendFloat32s is appendFloat64s for float32, the datatype of most tensors. Its fast
// path saves 15 to 32 % of the CPU time of appendFloat on typical outputs.
func appendFloat32s(dst, data []byte) []byte {
	values, _ := tensor.View[float32](data)
	for start := 0; start < len(values); start += floatsPerChunk {
		chunk := values[start:min(start+floatsPerChunk, len(values))]
		dst = slices.Grow(dst, (len(chunk)+1)*maxFloatLen)
		room, end := dst[:cap(dst)], len(dst)
		for _, v := range chunk {
			if math.Float32bits(v)&infinite32 == infinite32 {
				end += copy(room[end:], nameOf(v != v, v < 0))
			} else {
				end += putFloat32((*[maxFloatLen]byte)(room[end:]), v)
			}
			room[end] = ','
			end++
		}
		dst = dst[:end]
	}
	return dst
}

// putFloat32 writes v, which must be finite, and returns the number of characters.
func putFloat32(to *[maxFloatLen]byte, v float32) int {
	pattern := math.Float32bits(v)
	// Signs are unpredictable, so the position is computed without a branch.
	at := int(pattern >> 31)
	to[0] = '-'
	pattern &= 1<<31 - 1
	f := math.Float32frombits(pattern)
	if pattern >= bits1e7 {
		return len(appendFloat(to[:0], float64(v), decompose(v)))
	}
	whole := uint64(int64(f))
	if float32(whole) == f {
		if pattern == 0 && at > 0 {
			return copy(to[:], negativeZero)
		}
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
	// Trailing zeros are dropped: those of low, and those of high if low is all zeros.
	spare := bits.LeadingZeros64(low) / 8
	spare += spare / 8 * (bits.LeadingZeros64(high) / 8)
	return at + 16 - spare
}

// putSmallFloat writes digits * 10^power with an exponent, starting at position at. The
// number is below 1e-6 and has at most nine digits.
func putSmallFloat(to *[maxFloatLen]byte, at int, digits uint64, power int) int {
	count := countDigits(digits)
	digits *= wholePowers[(9-count)&15]
	low := toDigits(digits % 1e8)
	to[at&1] = byte('0' + digits/1e8)
	to[at&1+1] = '.'
	binary.LittleEndian.PutUint64(to[at&1+2:], low|zeros)
	at = at&1 + 10 - bits.LeadingZeros64(low)/8
	if low == 0 {
		at-- // drops the point
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
