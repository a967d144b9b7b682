package tensorjson

import "math"

// nonFinite is a kind of number that JSON does not have.
type nonFinite uint8

const (
	finite nonFinite = iota
	notANumber
	infinite
)

// What AppendData writes for these numbers, as RapidJSON with kWriteNanAndInfFlag, JavaScript and
// Python do.
const (
	nanName         = "NaN"
	infinityName    = "Infinity"
	negInfinityName = "-Infinity"
)

// scanNonFinite reads a NaN or an infinity after its sign, in the forms of RapidJSON with
// kParseNanAndInfFlag. next is p if there is none.
func scanNonFinite(text []byte, p int) (kind nonFinite, next int) {
	switch {
	case hasLiteral(text, p, nanName):
		return notANumber, p + len(nanName)
	case hasLiteral(text, p, infinityName):
		return infinite, p + len(infinityName)
	case hasLiteral(text, p, "Inf"):
		return infinite, p + len("Inf")
	default:
		return finite, p
	}
}

// isNonFinite reports whether a NaN or an infinity without a sign begins at p.
func isNonFinite(text []byte, p int) bool {
	kind, _ := scanNonFinite(text, p)
	return kind != finite
}

// value returns a number that is not finite. A NaN has no sign.
func (k nonFinite) value(negative bool) float64 {
	switch {
	case k == notANumber:
		return math.Float64frombits(0x7ff8 << 48)
	case negative:
		return math.Inf(-1)
	default:
		return math.Inf(1)
	}
}

// pattern returns the bits of a number that is not finite in the format h. A NaN is quiet.
func (k nonFinite) pattern(h half, negative bool) uint16 {
	pattern := uint16(2*h.bias+1) << h.fraction
	switch {
	case k == notANumber:
		pattern |= 1 << (h.fraction - 1)
	case negative:
		pattern |= 1 << 15
	}
	return pattern
}

// nameOf returns the text of a number that is not finite.
func nameOf(isNaN, negative bool) string {
	switch {
	case isNaN:
		return nanName
	case negative:
		return negInfinityName
	default:
		return infinityName
	}
}
