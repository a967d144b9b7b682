package load_test

import (
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/load"
)

// Only an overload error that says when to retry is a refusal.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	start := time.Now()
	counts := load.Tally{End: start.Add(time.Second)}
	for _, test := range []struct {
		err  error
		want load.Outcome
	}{
		{nil, load.Answered},
		{&load.StatusError{Code: connect.CodeUnavailable, Message: "busy", Pushback: true}, load.Refused},
		{&load.StatusError{Code: connect.CodeUnavailable, Message: "connection reset"}, load.Failed},
		{&load.StatusError{Code: connect.CodeResourceExhausted, Message: "too large"}, load.Failed},
		{&load.StatusError{Code: connect.CodeDeadlineExceeded, Message: "too late"}, load.Expired},
		{&load.StatusError{Code: connect.CodeInternal, Message: "broken"}, load.Failed},
		{errors.New("no response"), load.Failed},
	} {
		if got := load.OutcomeOf(test.err); got != test.want {
			t.Errorf("%v is %d, want %d", test.err, got, test.want)
		}
		counts.Add(start, start.Add(500*time.Millisecond), test.err)
	}
	counts.Add(start, start.Add(2*time.Second), nil)
	if counts.Count(load.Answered) != 2 || counts.InTime != 1 || counts.Count(load.Failed) != 4 || counts.FirstFailure == nil {
		t.Errorf("%d answered, %d of them in time, %d failed, the first with %v", counts.Count(load.Answered), counts.InTime, counts.Count(load.Failed), counts.FirstFailure)
	}
	if got := counts.Percentile(load.Answered, 99); got != 2*time.Second {
		t.Errorf("the slowest response took %v", got)
	}
}
