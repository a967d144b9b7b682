package tensorjson

import "math/bits"

// dyadic is a positive float: mantissa * 2^exponent.
type dyadic struct {
	mantissa uint64 // below 2^53
	exponent int
	// narrow says that the float below is only half as far away as the one above:
	// mantissa is the least of its exponent.
	narrow bool
}

// shortest returns the decimal, digits * 10^power, that has the fewest digits of
// those that round to b, and of these the one nearest to b. digits may end in zeros.
//
// The algorithm is Schubfach (Giulietti, "The Schubfach way to render doubles"): of
// the multiples of 10^power, and of ten times that, at most two are near enough to
// be candidates, and three multiplications tell which of them round to b. It holds
// for every format that is no wider than a float64.
func (b dyadic) shortest() (digits uint64, power int) {
	// All are four times as large, so that the bounds halfway to b's neighbours are
	// whole: they belong to b where its mantissa is even, as ties are rounded to it.
	low, mid, high := 4*b.mantissa-2, 4*b.mantissa, 4*b.mantissa+2
	// log10(2) is 1262611/2^22, and log10(4/3) is 524031/2^22, near enough.
	power = b.exponent * 1262611 >> 22
	if b.narrow {
		low++
		power = (b.exponent*1262611 - 524031) >> 22
	}
	// The floor of log2(10^-power); log2(10) is 1741647/2^19, near enough.
	shift := b.exponent + (-power*1741647)>>19 + 1
	g := upperPower(-power)
	low, mid, high = g.times(low<<shift), g.times(mid<<shift), g.times(high<<shift)
	odd := b.mantissa & 1
	low += odd
	high -= odd

	// Which candidate it is varies from number to number, so that all is computed and
	// nothing branched on. A candidate that alone rounds to b is it; of two, and of
	// two that do not because their digits are too few, the nearer one.
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

// times returns the upper 64 bits of the product, the last of them set where the
// product is not whole there: that keeps comparisons with even numbers right.
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
