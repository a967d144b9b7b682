package tensorjson

// maxDigits is the number of decimal digits that always fit a uint64.
const maxDigits = 19

// decimal is a number's value as written: mantissa * 10^exponent.
type decimal struct {
	mantissa uint64 // of the first maxDigits significant digits
	exponent int
	negative bool
	// truncated reports that nonzero digits after the first maxDigits were dropped:
	// the number is between mantissa and mantissa + 1.
	truncated bool

	// digits counts the digits in mantissa, skipped the digits after them.
	digits, skipped int
}

func (n number) decimal(text []byte) decimal {
	d := decimal{negative: n.negative}
	d.add(text[n.whole:n.wholeEnd])
	d.add(text[n.fraction:n.fractionEnd])
	d.exponent = n.exponent + n.fraction - n.fractionEnd + d.skipped
	return d
}

// add appends digits to the mantissa.
func (d *decimal) add(digits []byte) {
	if d.digits == 0 {
		for len(digits) > 0 && digits[0] == '0' {
			digits = digits[1:]
		}
	}
	for len(digits) >= 8 && d.digits <= maxDigits-8 {
		d.mantissa = d.mantissa*1e8 + eightDigits(load((*[8]byte)(digits))^zeros)
		d.digits += 8
		digits = digits[8:]
	}
	for i, c := range digits {
		if d.digits == maxDigits {
			d.skip(digits[i:])
			return
		}
		d.mantissa = d.mantissa*10 + uint64(c-'0')
		d.digits++
	}
}

func (d *decimal) skip(digits []byte) {
	d.skipped += len(digits)
	for _, c := range digits {
		d.truncated = d.truncated || c != '0'
	}
}
