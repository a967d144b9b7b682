package main

import "testing"

func TestRunsTellTheMeanBatch(t *testing.T) {
	t.Parallel()
	var all runs
	if got := all.mean(); got != "–" {
		t.Errorf("the mean of nothing is %q", got)
	}
	all.add(runs{inferences: 100, executions: 100}, runs{inferences: 120, executions: 104})
	all.add(runs{inferences: 1000, executions: 500}, runs{inferences: 1010, executions: 502})
	if got := all.mean(); got != "5.0" {
		t.Errorf("30 items in 6 runs are %q, want 5.0", got)
	}
}
