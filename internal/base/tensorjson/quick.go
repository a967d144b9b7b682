package tensorjson

import "math"

// window is how much text quickFloat and quickInteger look at without asking where
// it ends.
const window = 32

// quickFloat reads a number at p as most are written, and rounds it to the nearest
// float64: any sign, one digit with a fraction of at most 24 digits, or at most 7
// with one of at most 8, and an exponent that does not lead far. next is the position
// behind it, which is inside text. It is 0 where the number needs scanNumber. What
// follows can still make it another number, or none: only where next is at a comma or
// bracket is f the number. f is 0 or a magnitude at which a float32 is normal.
func quickFloat(text []byte, p int) (f float64, next int) {
	if len(text)-p <= window {
		return 0, 0
	}
	// A sign is as often there as not, so it is counted and not branched on.
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
		// Both are float64s, so that the quotient is rounded once.
		f = float64(int64(w)) / exactPowers[places]
	} else if f, length = quickPower(rest, length, w, -places); length == 0 {
		return 0, 0
	}
	return math.Float64frombits(math.Float64bits(f) | negative<<63), p + length
}

// longFraction goes on where more than eight digits follow a digit and the point. w
// is what rest says up to there. places is 0 where w cannot hold what follows.
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

// quickPower returns w * 10^power, where the number's text has length characters and
// may go on with an exponent of one or two digits. all is the length with it, or 0
// where it needs scanNumber.
func quickPower(rest *[window]byte, length int, w uint64, power int) (f float64, all int) {
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
	if f, ok := exactly[float64](d); ok {
		return f, length
	}
	// 1e-37 is a normal float32, and 19 digits are no large one.
	if power < -37 || power > 0 {
		return 0, 0
	}
	pattern, decided := eiselLemire[float64](w, power)
	if !decided {
		return 0, 0
	}
	return math.Float64frombits(pattern), length
}

// quickInteger reads a whole number of at most 16 digits at p. next is as that of
// quickFloat.
func quickInteger(text []byte, p int) (v int64, next int) {
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
	// Two's complement: all bits turned and one added, or nothing.
	return (int64(w) ^ -int64(negative)) + int64(negative), p + length
}
