package main

import (
	"slices"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, c := range []struct {
		values []int
		p      float64
		want   int
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]int{7}, 99, 7},
		{[]int{1, 2, 3}, 50, 2},
		{nil, 50, 0},
	} {
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile(%d values, %v) = %d, want %d", len(c.values), c.p, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	values := []int{9, 1, 5}
	if got := median(values); got != 5 {
		t.Errorf("median(%v) = %d, want 5", values, got)
	}
	if !slices.Equal(values, []int{9, 1, 5}) {
		t.Errorf("median changed its argument to %v", values)
	}
	if got := median([]int{4, 1, 3, 2}); got != 2 {
		t.Errorf("the median of 1 to 4 is %d, want the lower one, 2", got)
	}
}

func TestMediansAreOfEachFigure(t *testing.T) {
	t.Parallel()
	got := medians([]sample{{p50: 1, p99: 30, rate: 200}, {p50: 3, p99: 10, rate: 100}, {p50: 2, p99: 20, rate: 300}})
	if want := (sample{p50: 2, p99: 20, rate: 200}); got != want {
		t.Errorf("medians = %+v, want %+v", got, want)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		formatTime(0):                               "0",
		formatTime(999):                             "999 ns",
		formatTime(1234):                            "1.23 µs",
		formatTime(99_960):                          "100 µs",
		formatTime(999_600):                         "1.00 ms",
		formatTime(15_300 * time.Microsecond):       "15.3 ms",
		formatTime(1500 * time.Millisecond):         "1.50 s",
		formatMicroseconds(3 * time.Microsecond):    "3 µs",
		formatMicroseconds(1500 * time.Microsecond): "1.50 ms",
		formatBytes(38):                             "38 B",
		formatBytes(609_990):                        "610 kB",
		formatBytes(1_620_000):                      "1.62 MB",
		formatCount(7):                              "7",
		formatCount(602_112):                        "602,112",
		formatCount(1_234_567):                      "1,234,567",
		formatCount(-123):                           "-123",
		formatRatio(3, 2):                           "1.50×",
		formatRatio(9_996, 1_000):                   "10.0×",
		formatRatio(1_156_000, 1_000):               "1,156×",
		formatRatio(1, 0):                           "–",
		formatPercent(1, 4):                         "25 %",
		formatPercent(1, 0):                         "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
