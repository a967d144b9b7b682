package main

import (
	"errors"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/bench/wire"
)

// outcome is how a request of an open loop ended, as its caller sees it.
type outcome int

const (
	// answered is an answer by the model.
	answered outcome = iota
	// refused is the server's "not now", which says when to come again.
	refused
	// expired is a deadline that passed before there was an answer. The server may have
	// taken the request or not: who waited in vain cannot know.
	expired
	// failed is any other end: one that the server took and did not answer.
	failed
	outcomes int = iota
)

// outcomeOf returns how a request ended that returned err.
func outcomeOf(err error) outcome {
	if err == nil {
		return answered
	}
	if told, ok := errors.AsType[*wire.Error](err); ok {
		switch {
		case told.Pushback && (told.Code == connect.CodeUnavailable || told.Code == connect.CodeResourceExhausted):
			return refused
		case told.Code == connect.CodeDeadlineExceeded:
			return expired
		}
	}
	return failed
}

// tally collects the outcomes of requests, and how long each took. It is safe for
// concurrent use.
type tally struct {
	// end is when the load ends: answers until then count for goodput.
	end time.Time

	mu     sync.Mutex
	took   [outcomes][]time.Duration
	inTime int
	// first is the first error that failed a request.
	first error
}

// add counts a request that came at a time and returned err at now.
func (t *tally) add(came, now time.Time, err error) {
	o := outcomeOf(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[o] = append(t.took[o], now.Sub(came))
	if o == answered && !now.After(t.end) {
		t.inTime++
	}
	if o == failed && t.first == nil {
		t.first = err
	}
}

func (t *tally) count(o outcome) int64 { return int64(len(t.took[o])) }

// percentile returns how long the requests of an outcome took.
func (t *tally) percentile(o outcome, p float64) time.Duration {
	return report.Percentile(slices.Sorted(slices.Values(t.took[o])), p)
}
