package load

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"
)

// Open is an open loop: requests arrive at a rate, independently of each other and of the
// responses.
type Open struct {
	// Rate is the mean number of requests per second.
	Rate     float64
	Duration time.Duration
	// MaxInFlight bounds the requests in flight. A request that arrives above it is not
	// sent, so that the client's memory is bounded.
	MaxInFlight int
	// Random draws the arrival times. It must not be used concurrently.
	Random *rand.Rand
}

// Run calls do for each request, with its arrival time and a function to call when the
// request has ended. do must not block. Run returns the number of requests sent and the
// number not sent (see MaxInFlight), when all requests have ended. When ctx is done it
// sends no more.
func (o Open) Run(ctx context.Context, do func(arrived time.Time, ended func())) (sent, unsent int) {
	var requests sync.WaitGroup
	inFlight := make(chan struct{}, o.MaxInFlight)
	ended := func() {
		<-inFlight
		requests.Done()
	}
	start := time.Now()
	for at := range arrivals(o.Rate, o.Duration, o.Random) {
		// No timer when the loop is late.
		if wait := at - time.Since(start); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
			}
		}
		if ctx.Err() != nil {
			break
		}
		select {
		case inFlight <- struct{}{}:
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

// arrivals yields the arrival times of a Poisson process of this rate per second: the gaps
// are exponentially distributed.
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
