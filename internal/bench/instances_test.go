package main

import (
	"slices"
	"testing"
)

func TestDivisionsAreWorthComparing(t *testing.T) {
	t.Parallel()
	for cpus, want := range map[int][]division{
		1: {{1, 1}, {2, 1}},
		2: {{2, 1}, {1, 1}, {1, 2}, {2, 2}, {4, 1}},
		8: {{8, 1}, {1, 1}, {1, 8}, {4, 2}, {8, 8}, {16, 1}},
	} {
		if got := divisions(cpus); !slices.Equal(got, want) {
			t.Errorf("divisions of %d CPUs are %v, want %v", cpus, got, want)
		}
	}
}
