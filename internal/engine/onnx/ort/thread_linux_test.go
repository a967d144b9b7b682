//go:build cgo

package ort_test

import (
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// turn returns how long a thread's turns at its core are, in ns; ok is false when it has
// ended.
func turn(t *testing.T, task string) (_ uint64, ok bool) {
	t.Helper()
	id, err := strconv.Atoi(task)
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := unix.SchedGetAttr(id, 0)
	if err != nil {
		return 0, false
	}
	return attributes.Runtime, true
}

// Whoever wakes need not wait for a long run's turn to end: it is longer than others'. All
// other threads keep theirs, also those that start the one for the runs.
func TestLongRunsGiveWay(t *testing.T) {
	usual, _ := turn(t, "0") // the calling thread
	if usual == 0 {
		t.Skip("this kernel has no turns of threads' own")
	}
	s := onThreads(t, weights(3))
	defer s.Close()
	before := tasks(t)
	if err := add(t, s, 1, 3); err != nil {
		t.Fatal(err)
	}
	const long = 20_000_000
	threads := 0
	for _, task := range tasks(t) {
		took, ok := turn(t, task)
		switch begun := !slices.Contains(before, task); {
		case ok && begun && took == long:
			threads++
		case ok && begun && took != usual:
			t.Errorf("a thread has turns of %d ns, usual are %d", took, usual)
		}
	}
	if threads != 1 {
		t.Errorf("%d threads have long turns, want that for runs", threads)
	}
}
