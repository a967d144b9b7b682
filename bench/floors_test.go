package main

import "testing"

// A ratio is marked by what is shown of it, so that none is marked beside one that looks
// the same and is not.
func TestFloorsMarkWhatMissesThem(t *testing.T) {
	t.Parallel()
	b := &bench{}
	for got, want := range map[string]string{
		atMost[int64](b, "a", 50, 100, 0.5):     "a (0.50×)",
		atMost[int64](b, "b", 5049, 10000, 0.5): "b (0.50×)",
		atMost[int64](b, "c", 51, 100, 0.5):     "c (0.51×) ✗",
		atLeast[int64](b, "d", 150, 100, 1.5):   "d (1.50×)",
		atLeast[int64](b, "e", 149, 100, 1.5):   "e (1.49×) ✗",
		atMost[int64](b, "f", 1, 0, 0.5):        "f (–)",
		cpuCell(b, 0, 0, 0.5):                   "n/a",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if b.missed != 2 {
		t.Errorf("%d misses counted, want 2", b.missed)
	}
}
