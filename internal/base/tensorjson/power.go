package tensorjson

import (
	"math"
	"math/big"
)

// maxPower is the largest power of ten in the table, with either sign: a 19-digit
// mantissa times a smaller power than 10^-maxPower rounds to 0 as a float64.
const maxPower = 342

// power is the first 128 bits of 5^q, with the highest bit set. 10^q has the same bits,
// because it is 5^q times a power of two.
type power struct{ high, low uint64 }

// powers holds 5^q at index q+maxPower. It is computed with exact integers in a
// fraction of a millisecond and takes 11 kB.
var powers = makePowers()

func makePowers() *[2*maxPower + 1]power {
	var table [2*maxPower + 1]power
	one, five := big.NewInt(1), big.NewInt(5)
	value, scaled, low := big.NewInt(1), new(big.Int), new(big.Int)
	mask := new(big.Int).SetUint64(math.MaxUint64)
	set := func(q int) {
		table[q+maxPower] = power{
			high: low.Rsh(scaled, 64).Uint64(),
			low:  low.And(scaled, mask).Uint64(),
		}
	}
	for q := 0; q <= maxPower; q++ {
		length := value.BitLen()
		if length <= 128 {
			scaled.Lsh(value, uint(128-length))
		} else {
			scaled.Rsh(value, uint(length-128))
		}
		set(q)
		if q > 0 {
			// 2^(length+127) / 5^q is between 2^127 and 2^128, and never whole.
			scaled.Quo(scaled.Lsh(one, uint(length+127)), value)
			// Down to 5^-27 the divisor fits 64 bits, and an exact product must not
			// round down (Mushtak and Lemire, section 6).
			if q <= 27 {
				scaled.Add(scaled, one)
			}
			set(-q)
		}
		value.Mul(value, five)
	}
	return &table
}

// exactPowers are the powers of ten that are exact float64s.
var exactPowers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// wholePowers are the powers of ten that fit a uint64.
var wholePowers = [...]uint64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
}
