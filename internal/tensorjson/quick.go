package tensorjson

import "math"

// window is how much text quickFloat and quickInteger look at without asking where
// it ends.
const window = 32

// quickFloat reads a number at p as most are written, and rounds it to the nearest
// float64: any sign, then one digit with a fraction, or at most 7 digits with a
// fraction of at most 8. next is the position behind it, which is inside text. It
// is 0 where the number needs scanNumber. What follows can still make it another
// number, or none: next must be at a comma or bracket for f to hold. f is 0 or not
// below 1e-24.
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
			f, length = longFraction(rest, w)
			if length == 0 {
				return 0, 0
			}
			return math.Float64frombits(math.Float64bits(f) | negative<<63), p + length
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
	// At most 15 digits, which a float64 holds: the quotient is rounded once.
	f = float64(int64(w)) / exactPowers[places&15]
	return math.Float64frombits(math.Float64bits(f) | negative<<63), p + length
}

// longFraction goes on where more than eight digits follow a digit and the point. w
// is what the number says up to there, rest its text. length is 0 where w cannot
// hold what follows.
func longFraction(rest *[window]byte, w uint64) (f float64, length int) {
	values, count := digitValues(load((*[8]byte)(rest[10:])))
	w = w*wholePowers[count&15] + firstDigits(values, count)
	places := 8 + count
	if count == 8 && isDigit(rest[18]) {
		values, count = digitValues(load((*[8]byte)(rest[18:])))
		if w >= wholePowers[maxDigits-count] {
			return 0, 0
		}
		w = w*wholePowers[count&15] + firstDigits(values, count)
		places += count
	}
	if w < 1<<53 && places < len(exactPowers) {
		return float64(int64(w)) / exactPowers[places], 2 + places
	}
	pattern, decided := eiselLemire[float64](w, -places)
	if !decided {
		return 0, 0
	}
	return math.Float64frombits(pattern), 2 + places
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
