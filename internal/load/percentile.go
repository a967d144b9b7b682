package load

import (
	"cmp"
	"math"
	"slices"
)

// Percentile returns the smallest value that at least p percent of the values do not
// exceed (nearest rank), and zero when there are none. values must be sorted.
func Percentile[T any](values []T, p float64) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	rank := int(math.Ceil(p / 100 * float64(len(values))))
	return values[min(max(rank, 1), len(values))-1]
}

// Median returns the middle value, the lower one of an even number, and zero when there
// are none. It does not change values.
func Median[T cmp.Ordered](values []T) T {
	return Percentile(slices.Sorted(slices.Values(values)), 50)
}

// MedianOf returns the median of a field of the items.
func MedianOf[S any, T cmp.Ordered](items []S, field func(S) T) T {
	values := make([]T, len(items))
	for i, item := range items {
		values[i] = field(item)
	}
	return Median(values)
}
