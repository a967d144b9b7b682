package tensorjson

import "math"

// window is the number of bytes that fastFloat and fastInteger read without bounds
// checks.
const window = 32

// fastFloat is the fast path for numbers in common formats: a sign, one digit with a
// fraction of at most 24 digits or at most 7 digits with a fraction of at most 8, and a
// small exponent. f is the number rounded to the nearest float64: 0, or in the range of
// normal float32s. next is the position after the number, inside text, or 0 if the
// number needs the slow path, scanNumber. The caller must check that a comma or bracket
// is at next: any other character may continue the number or make it malformed.
func fastFloat(text []byte, p int) (f float64, next int) {
	if len(text)-p <= window {
		return 0, 0
	}
	// Signs are unpredictable, so the position is computed without a branch.
	negative := (uint64(text[p]^'-') - 1) >> 63
	p += int(negative)
	rest := (*[window]byte)(text[p:])
	var w uint64
	var length, places int
	if rest[1] == '.' && isDigit(rest[0]) {
		values, count := digitValues(load((*[8]byte)(rest[2:])))
		if count == 0 {
			return 0, 0
		}
		w = uint64(rest[0]-'0')*wholePowers[count&15] + firstDigits(values, count)
		length, places = 2+count, count
		if isDigit(rest[length&15]) {
			if w, places = longFraction(rest, w); places == 0 {
				return 0, 0
			}
			length = 2 + places
		}
	} else {
		values, count := digitValues(load((*[8]byte)(rest[:])))
		if count == 0 || count == 8 || (count > 1 && rest[0] == '0') {
			return 0, 0
		}
		w = firstDigits(values, count)
		length = count
		if rest[count&7] == '.' {
			values, places = digitValues(load((*[8]byte)(rest[count&7+1:])))
			if places == 0 {
				return 0, 0
			}
			w = w*wholePowers[places&15] + firstDigits(values, places)
			length += 1 + places
		}
	}
	if w < 1<<53 && places < len(exactPowers) && rest[length&31]|0x20 != 'e' {
		// Both are exact float64s, so the quotient is rounded once.
		f = float64(int64(w)) / exactPowers[places]
	} else if f, length = fastPower(rest, length, w, -places); length == 0 {
		return 0, 0
	}
	return math.Float64frombits(math.Float64bits(f) | negative<<63), p + length
}

// longFraction reads the digits after the eighth of a fraction. w is the number so far.
// places is 0 if the number does not fit w.
func longFraction(rest *[window]byte, w uint64) (more uint64, places int) {
	values, count := digitValues(load((*[8]byte)(rest[10:])))
	w = w*wholePowers[count&15] + firstDigits(values, count)
	places = 8 + count
	if count == 8 && isDigit(rest[18]) {
		values, count = digitValues(load((*[8]byte)(rest[18:])))
		if w >= wholePowers[maxDigits-count] {
			return 0, 0
		}
		w = w*wholePowers[count&15] + firstDigits(values, count)
		places += count
	}
	return w, places
}

// fastPower returns w * 10^power. The number's text has length characters and may
// continue with an exponent of one or two digits. all is the length including the
// exponent, or 0 if the number needs scanNumber.
func fastPower(rest *[window]byte, length int, w uint64, power int) (f float64, all int) {
	if rest[length&31]|0x20 == 'e' {
		length++
		sign := rest[length&31]
		if sign == '-' || sign == '+' {
			length++
		}
		exponent, digits := 0, 0
		for ; length < window-1 && digits < 2 && isDigit(rest[length]); length++ {
			exponent = exponent*10 + int(rest[length]-'0')
			digits++
		}
		if digits == 0 {
			return 0, 0
		}
		if sign == '-' {
			exponent = -exponent
		}
		power += exponent
	}
	d := decimal{mantissa: w, exponent: power}
	if f, ok := exactFloat[float64](d); ok {
		return f, length
	}
	// 1e-37 is a normal float32, and 19 digits are within float32's range.
	if power < -37 || power > 0 {
		return 0, 0
	}
	pattern, decided := eiselLemire[float64](w, power)
	if !decided {
		return 0, 0
	}
	return math.Float64frombits(pattern), length
}

// fastInteger is the fast path for whole numbers of at most 16 digits. next has the
// meaning that it has in fastFloat.
func fastInteger(text []byte, p int) (v int64, next int) {
	if len(text)-p <= window {
		return 0, 0
	}
	negative := (uint64(text[p]^'-') - 1) >> 63
	p += int(negative)
	rest := (*[window]byte)(text[p:])
	values, count := digitValues(load((*[8]byte)(rest[:])))
	if count == 0 || (count > 1 && rest[0] == '0') {
		return 0, 0
	}
	w := firstDigits(values, count)
	length := count
	if count == 8 && isDigit(rest[8]) {
		values, count = digitValues(load((*[8]byte)(rest[8:])))
		w = w*wholePowers[count&15] + firstDigits(values, count)
		length += count
	}
	// Negates without a branch: inverts all bits and adds one.
	return (int64(w) ^ -int64(negative)) + int64(negative), p + length
}
