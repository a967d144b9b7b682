package report

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
		if got := Percentile(c.values, c.p); got != c.want {
			t.Errorf("Percentile(%d values, %v) = %d, want %d", len(c.values), c.p, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	values := []int{9, 1, 5}
	if got := Median(values); got != 5 {
		t.Errorf("Median(%v) = %d, want 5", values, got)
	}
	if !slices.Equal(values, []int{9, 1, 5}) {
		t.Errorf("median changed its argument to %v", values)
	}
	if got := Median([]int{4, 1, 3, 2}); got != 2 {
		t.Errorf("the median of 1 to 4 is %d, want the lower one, 2", got)
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Time(0):                               "0",
		Time(999):                             "999 ns",
		Time(1234):                            "1.23 µs",
		Time(99_960):                          "100 µs",
		Time(999_600):                         "1.00 ms",
		Time(15_300 * time.Microsecond):       "15.3 ms",
		Time(1500 * time.Millisecond):         "1.50 s",
		Microseconds(3 * time.Microsecond):    "3 µs",
		Microseconds(1500 * time.Microsecond): "1.50 ms",
		Bytes(38):                             "38 B",
		Bytes(609_990):                        "610 kB",
		Bytes(1_620_000):                      "1.62 MB",
		Count(7):                              "7",
		Count(602_112):                        "602,112",
		Count(1_234_567):                      "1,234,567",
		Count(8_090.6):                        "8,091",
		Count(99.97):                          "100",
		Count(8.249):                          "8.25",
		Count(3.0):                            "3",
		Count(-123):                           "-123",
		Ratio(3, 2):                           "1.50×",
		Ratio(9_996, 1_000):                   "10.0×",
		Ratio(1_156_000, 1_000):               "1,156×",
		Ratio(1, 0):                           "–",
		Percent(1, 4):                         "25 %",
		Percent(1, 0):                         "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
