package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// number is what figures are of.
type number interface{ ~int | ~int64 | ~float64 }

// Percentile returns the smallest of values that at least p percent of them do not
// exceed (nearest rank); zero of none. values are sorted.
func Percentile[T any](values []T, p float64) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}

// Median returns the middle one of values, of an even number the lower; zero of
// none.
func Median[T cmp.Ordered](values []T) T {
	return Percentile(slices.Sorted(slices.Values(values)), 50)
}

// MedianOf returns the median of what field returns of each item.
func MedianOf[S any, T cmp.Ordered](items []S, field func(S) T) T {
	values := make([]T, len(items))
	for i, item := range items {
		values[i] = field(item)
	}
	return Median(values)
}

// Time writes a time with three significant digits.
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

// Microseconds writes a time that was measured in whole microseconds.
func Microseconds(d time.Duration) string {
	if d > 0 && d < 10*time.Microsecond {
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return Time(d)
}

// Bytes writes a number of bytes with three significant digits.
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

// Count writes a whole number with commas between its thousands, and a number with a
// fraction, such as a rate, with three significant digits where it has fewer before it.
func Count[T number](n T) string {
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

// Ratio writes how many times base value is; a dash when base is nothing.
func Ratio[T number](value, base T) string {
	if base == 0 {
		return "–"
	}
	ratio := float64(value) / float64(base)
	if ratio >= 9.995 {
		return significant(ratio) + "×"
	}
	return fmt.Sprintf("%.2f×", ratio)
}

// Percent writes how much of whole part is; a dash when whole is nothing.
func Percent(part, whole time.Duration) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(part)/float64(whole))
}

// Compared writes a figure with its ratio to a base.
func Compared[T number](figure string, value, base T) string {
	return fmt.Sprintf("%s (%s)", figure, Ratio(value, base))
}

// significant writes a number with three significant digits, and whole numbers
// from 100 on.
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
