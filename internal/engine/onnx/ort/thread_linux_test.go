//go:build cgo

package ort_test

import (
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// timeSlice returns a thread's time slice in ns; ok is false when the thread has ended.
func timeSlice(t *testing.T, task string) (_ uint64, ok bool) {
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

// The thread for long runs has a longer time slice, so that other threads preempt it. All
// other threads keep theirs, including the one that starts it.
func TestLongRunsHaveLongTimeSlices(t *testing.T) {
	usual, _ := timeSlice(t, "0") // the calling thread
	if usual == 0 {
		t.Skip("this kernel has no per-thread time slices")
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
		slice, ok := timeSlice(t, task)
		switch started := !slices.Contains(before, task); {
		case ok && started && slice == long:
			threads++
		case ok && started && slice != usual:
			t.Errorf("a thread has a time slice of %d ns, want %d", slice, usual)
		}
	}
	if threads != 1 {
		t.Errorf("%d threads have long time slices, want 1", threads)
	}
}
