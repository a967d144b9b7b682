package main

import (
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/bench/wire"
)

// busy is a refusal.
var busy = &wire.Error{Code: connect.CodeUnavailable, Message: "busy", Pushback: true}

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
		{busy, refused},
		{&wire.Error{Code: connect.CodeUnavailable, Message: "connection reset"}, failed},
		{&wire.Error{Code: connect.CodeResourceExhausted, Message: "too large"}, failed},
		{&wire.Error{Code: connect.CodeDeadlineExceeded, Message: "too late"}, expired},
		{&wire.Error{Code: connect.CodeInternal, Message: "broken"}, failed},
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

// What the server took and what its callers have are counted on either side: lost is the
// difference, and who gave up beyond that had not been taken.
func TestLostIsWhatWasAcceptedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	f := overloadFigures{served: serverCounts{succeeded: 10, failed: 25, refused: 20, failing: time.Second}}
	now := time.Now()
	for range 9 { // the tenth came too late
		f.add(now, now, nil)
	}
	for range 15 { // the others gave up before their refusal came
		f.add(now, now, busy)
	}
	for range 12 {
		f.add(now, now, &wire.Error{Code: connect.CodeDeadlineExceeded, Message: "too late"})
	}
	if f.served.accepted() != 15 || f.lost() != 6 || f.unheard() != 6 || f.served.refusal() != "–" {
		t.Errorf("%d accepted, %d lost, %d unheard, refusals took %s", f.served.accepted(), f.lost(), f.unheard(), f.served.refusal())
	}
	f.served.failed = f.served.refused
	if got := f.served.refusal(); got != "50.0 ms" {
		t.Errorf("refusals took %s", got)
	}
}
