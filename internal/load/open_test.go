package load_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/load"
)

// Requests arrive at the rate although none has a response, with the gaps of a Poisson
// process: the standard deviation of an exponential distribution equals its mean.
func TestOpenLoopDoesNotWaitForResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var arrived []float64
		start := time.Now()
		arrivals := make(chan time.Time, 2000)
		open := load.Open{Rate: 100, Duration: 10 * time.Second, MaxInFlight: 2000, Random: rand.New(rand.NewPCG(1, 2))}
		sent, unsent := open.Run(t.Context(), func(at time.Time, ended func()) {
			arrivals <- at
			time.AfterFunc(time.Minute, ended)
		})
		close(arrivals)
		for at := range arrivals {
			arrived = append(arrived, at.Sub(start).Seconds())
		}
		slices.Sort(arrived)
		if sent != len(arrived) || unsent != 0 || math.Abs(float64(sent)-1000) > 100 || arrived[sent-1] >= 10 {
			t.Fatalf("%d sent, %d not, the last after %v s", sent, unsent, arrived[len(arrived)-1])
		}
		mean, deviation := arrived[sent-1]/float64(sent), 0.0
		for i := range arrived[1:] {
			off := arrived[i+1] - arrived[i] - mean
			deviation += off * off / float64(sent)
		}
		if ratio := math.Sqrt(deviation) / mean; math.Abs(ratio-1) > 0.1 {
			t.Errorf("the standard deviation of the gaps is %.2f of their mean, want 1", ratio)
		}
	})
}

func TestOpenLoopBoundsRequestsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, peak atomic.Int64
		open := load.Open{Rate: 100, Duration: time.Second, MaxInFlight: 7, Random: rand.New(rand.NewPCG(1, 2))}
		sent, unsent := open.Run(t.Context(), func(_ time.Time, ended func()) {
			peak.Store(max(peak.Load(), now.Add(1)))
			time.AfterFunc(100*time.Millisecond, func() {
				now.Add(-1)
				ended()
			})
		})
		if peak.Load() != 7 || unsent == 0 || now.Load() != 0 || sent > 7*11 {
			t.Errorf("%d in flight, %d sent, %d not, %d still in flight", peak.Load(), sent, unsent, now.Load())
		}
	})
}

func TestOpenLoopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		open := load.Open{Rate: 10, Duration: time.Hour, MaxInFlight: 100, Random: rand.New(rand.NewPCG(1, 2))}
		if sent, _ := open.Run(ctx, func(_ time.Time, ended func()) { context.AfterFunc(ctx, ended) }); sent == 0 || sent > 50 {
			t.Errorf("%d were sent", sent)
		}
	})
}
