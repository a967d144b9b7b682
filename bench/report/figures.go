package report

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Number is a type of figures.
type Number interface{ ~int | ~int64 | ~float64 }

// Time formats a duration with three significant digits.
func Time(d time.Duration) string {
	switch us := float64(d) / float64(time.Microsecond); {
	case d == 0:
		return "0"
	case us < 1:
		return fmt.Sprintf("%d ns", d)
	case us < 999.5:
		return significant(us) + " µs"
	case us < 999.5e3:
		return significant(us/1e3) + " ms"
	default:
		return significant(us/1e6) + " s"
	}
}

// Bytes formats a number of bytes with three significant digits.
func Bytes(n int64) string {
	switch f := float64(n); {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case f < 999.5e3:
		return significant(f/1e3) + " kB"
	default:
		return significant(f/1e6) + " MB"
	}
}

// Count formats a number with commas between the thousands; a fraction below 100 with
// three significant digits.
func Count[T Number](n T) string {
	f := float64(n)
	if f != math.Trunc(f) && math.Abs(f) < 99.95 {
		return significant(f)
	}
	digits := strconv.FormatInt(int64(math.Round(f)), 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Ratio formats value divided by base; a dash when base is 0.
func Ratio[T Number](value, base T) string {
	if base == 0 {
		return "–"
	}
	ratio := float64(value) / float64(base)
	if ratio >= 9.995 {
		return significant(ratio) + "×"
	}
	return fmt.Sprintf("%.2f×", ratio)
}

// Percent formats part as a percentage of whole; a dash when whole is 0.
func Percent[T Number](part, whole T) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}

// Compared formats a figure with the ratio of its value to base.
func Compared[T Number](figure string, value, base T) string {
	return fmt.Sprintf("%s (%s)", figure, Ratio(value, base))
}

// significant formats a number with three significant digits, from 100 on as an integer.
func significant(f float64) string {
	switch {
	case f < 9.995:
		return fmt.Sprintf("%.2f", f)
	case f < 99.95:
		return fmt.Sprintf("%.1f", f)
	default:
		return Count(int64(math.Round(f)))
	}
}
