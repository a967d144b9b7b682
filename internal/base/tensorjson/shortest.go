package tensorjson

import "math/bits"

// dyadic is a positive float: mantissa * 2^exponent.
type dyadic struct {
	mantissa uint64 // below 2^53
	exponent int
	// narrow reports that the next smaller float is only half as far away as the next
	// larger one: mantissa is the smallest for its exponent.
	narrow bool
}

// shortest returns the decimal digits * 10^power with the fewest digits that rounds to
// b, and among these the one nearest to b. digits may end in zeros.
//
// The algorithm is Schubfach (Giulietti, "The Schubfach way to render doubles"): at
// most two multiples of 10^power, and two of 10^(power+1), are candidates, and three
// multiplications decide which of them round to b. It works for every format up to
// float64.
func (b dyadic) shortest() (digits uint64, power int) {
	// All are scaled by four, so that the bounds halfway to b's neighbours are integers.
	// The bounds round to b if its mantissa is even, because ties round to even.
	low, mid, high := 4*b.mantissa-2, 4*b.mantissa, 4*b.mantissa+2
	// 1262611/2^22 approximates log10(2), and 524031/2^22 log10(4/3).
	power = b.exponent * 1262611 >> 22
	if b.narrow {
		low++
		power = (b.exponent*1262611 - 524031) >> 22
	}
	// The floor of log2(10^-power); 1741647/2^19 approximates log2(10).
	shift := b.exponent + (-power*1741647)>>19 + 1
	g := upperPower(-power)
	low, mid, high = g.times(low<<shift), g.times(mid<<shift), g.times(high<<shift)
	odd := b.mantissa & 1
	low += odd
	high -= odd

	// The choice among the candidates is unpredictable, so it is computed without
	// branches. If exactly one candidate rounds to b it is the result. If both or
	// neither do, the nearer one is.
	digits = mid / 4
	tens := digits / 10
	below, above := bit(low <= 40*tens), bit(40*tens+40 <= high)
	short := -(below ^ above) & -bit(digits >= 10)
	tens += above

	below, above = bit(low <= 4*digits), bit(4*digits+4 <= high)
	nearer := bit(mid+digits&1 > 4*digits+2)
	digits += nearer ^ (nearer^above)&-(below^above)
	return digits ^ (digits^tens)&short, power + int(short&1)
}

// bit is 1 for true.
func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// upperPower returns the first 128 bits of 10^q, rounded up.
func upperPower(q int) power {
	p := powers[q+maxPower]
	if q < -27 || q > 55 {
		var carry uint64
		p.low, carry = bits.Add64(p.low, 1, 0)
		p.high += carry
	}
	return p
}

// times returns the upper 64 bits of the product. Their last bit is set if the product
// has a fraction, which keeps comparisons with even numbers correct.
func (p power) times(v uint64) uint64 {
	more, _ := bits.Mul64(p.low, v)
	high, low := bits.Mul64(p.high, v)
	low, carry := bits.Add64(low, more, 0)
	high += carry
	if low > 1 {
		high |= 1
	}
	return high
}
