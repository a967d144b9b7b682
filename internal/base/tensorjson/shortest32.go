package tensorjson

import "math/bits"

// scale holds the values that shortest derives from a float's exponent alone.
type scale struct {
	// g is the first 64 bits of 10^-power, rounded up.
	g     uint64
	shift uint8
	power int8
}

// scales has one entry for each exponent of float32. Its 4 kB stay in the CPU's cache.
var scales = makeScales()

func makeScales() *[256]scale {
	var table [256]scale
	for field := range table {
		exponent := max(field, 1) - 127 - 23
		power := exponent * 1262611 >> 22
		p := powers[maxPower-power]
		table[field] = scale{g: p.high + bit(p.low != 0), shift: uint8(exponent + (-power*1741647)>>19 + 1), power: int8(power)}
	}
	return &table
}

// shortest32 is dyadic.shortest for a positive float32, given by its bit pattern. Its
// products need 64 bits of the power, so one multiplication each.
func shortest32(pattern uint32) (digits uint64, power int) {
	fraction, field := uint64(pattern&(1<<23-1)), uint8(pattern>>23)
	mantissa := fraction | 1<<23
	if fraction == 0 && field > 1 {
		return fromFields(0, int(field), 23, 127).shortest()
	}
	if field == 0 {
		mantissa = fraction
	}
	s := &scales[field]
	shift := s.shift & 63
	v := 4 * mantissa
	low, mid, high := times32(s.g, (v-2)<<shift), times32(s.g, v<<shift), times32(s.g, (v+2)<<shift)
	odd := mantissa & 1
	low += odd
	high -= odd

	digits = mid / 4
	tens := digits / 10
	below, above := bit(low <= 40*tens), bit(40*tens+40 <= high)
	short := -(below ^ above) & -bit(digits >= 10)
	tens += above

	below, above = bit(low <= 4*digits), bit(4*digits+4 <= high)
	nearer := bit(mid+digits&1 > 4*digits+2)
	digits += nearer ^ (nearer^above)&-(below^above)
	return digits ^ (digits^tens)&short, int(s.power) + int(short&1)
}

// times32 is power.times for 64 bits of the power.
func times32(g, v uint64) uint64 {
	high, low := bits.Mul64(g, v)
	return high | bit(low>>32 > 1)
}
