package main

import (
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/retry"
)

// Only who is told when to come again was refused: all others that have no answer were
// lost.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	start := time.Now()
	counts := tally{end: start.Add(time.Second)}
	for _, test := range []struct {
		err  error
		want outcome
	}{
		{nil, answered},
		{retry.Unavailable(time.Second, "busy"), refused},
		{connect.NewError(connect.CodeUnavailable, "connection reset"), failed},
		{connect.NewError(connect.CodeResourceExhausted, "too large"), failed},
		{connect.NewError(connect.CodeDeadlineExceeded, "too late"), expired},
		{connect.NewError(connect.CodeInternal, "broken"), failed},
		{errors.New("no answer"), failed},
	} {
		if got := outcomeOf(test.err); got != test.want {
			t.Errorf("%v is %d, want %d", test.err, got, test.want)
		}
		counts.add(start, start.Add(500*time.Millisecond), test.err)
	}
	counts.add(start, start.Add(2*time.Second), nil)
	if counts.count(answered) != 2 || counts.inTime != 1 || counts.count(failed) != 4 || counts.first == nil {
		t.Errorf("%d answered, %d of them in time, %d failed, the first with %v", counts.count(answered), counts.inTime, counts.count(failed), counts.first)
	}
	if got := counts.percentile(answered, 99); got != 2*time.Second {
		t.Errorf("the slowest answer took %v", got)
	}
}
