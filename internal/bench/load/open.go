package load

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"
)

// Open is an open loop: requests come at a rate, whether those before them have been
// answered or not, as from callers who know nothing of each other.
type Open struct {
	// Rate is the requests in a second, on average.
	Rate     float64
	Duration time.Duration
	// Most is how many may be in flight; one that comes while there are so many is not
	// sent. It keeps the client from growing without bound beside the server.
	Most int
	// Random draws when they come. It is not safe for concurrent use.
	Random *rand.Rand
}

// Run calls do for each request, with the time at which the request came and what to call
// when it has ended, which do must not wait for. It returns when all have ended: how many
// were sent, and how many were not for want of room. When ctx is done no more are sent.
func (o Open) Run(ctx context.Context, do func(came time.Time, ended func())) (sent, unsent int) {
	var requests sync.WaitGroup
	places := make(chan struct{}, o.Most)
	ended := func() {
		<-places
		requests.Done()
	}
	start := time.Now()
	for at := range arrivals(o.Rate, o.Duration, o.Random) {
		// Behind time there is nothing to wait for, and no timer is made.
		if wait := at - time.Since(start); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		select {
		case places <- struct{}{}:
		default:
			unsent++
			continue
		}
		sent++
		requests.Add(1)
		do(time.Now(), ended)
	}
	requests.Wait()
	return sent, unsent
}

// arrivals yields when requests come within duration that are independent of each other,
// so many in a second on average: a Poisson process, whose gaps are exponential.
func arrivals(rate float64, duration time.Duration, random *rand.Rand) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		for at := time.Duration(0); ; {
			at += time.Duration(random.ExpFloat64() / rate * float64(time.Second))
			if at >= duration || !yield(at) {
				return
			}
		}
	}
}
