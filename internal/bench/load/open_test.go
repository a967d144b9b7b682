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

	"github.com/tensorwire/tensorwire/internal/bench/load"
)

// Requests come at their rate although none of those before them has been answered, and
// their gaps are as irregular as those of a Poisson process: the deviation of an
// exponential distribution is its mean.
func TestOpenLoopDoesNotWaitForAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var came []float64
		start := time.Now()
		each := make(chan time.Time, 2000)
		open := load.Open{Rate: 100, Duration: 10 * time.Second, Most: 2000, Random: rand.New(rand.NewPCG(1, 2))}
		sent, unsent := open.Run(t.Context(), func(at time.Time, ended func()) {
			each <- at
			time.AfterFunc(time.Minute, ended)
		})
		close(each)
		for at := range each {
			came = append(came, at.Sub(start).Seconds())
		}
		slices.Sort(came)
		if sent != len(came) || unsent != 0 || math.Abs(float64(sent)-1000) > 100 || came[sent-1] >= 10 {
			t.Fatalf("%d sent, %d not, the last after %v s", sent, unsent, came[len(came)-1])
		}
		mean, deviation := came[sent-1]/float64(sent), 0.0
		for i := range came[1:] {
			off := came[i+1] - came[i] - mean
			deviation += off * off / float64(sent)
		}
		if ratio := math.Sqrt(deviation) / mean; math.Abs(ratio-1) > 0.1 {
			t.Errorf("the gaps' deviation is %.2f of their mean, want 1", ratio)
		}
	})
}

func TestOpenLoopBoundsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		open := load.Open{Rate: 100, Duration: time.Second, Most: 7, Random: rand.New(rand.NewPCG(1, 2))}
		sent, unsent := open.Run(t.Context(), func(_ time.Time, ended func()) {
			most.Store(max(most.Load(), now.Add(1)))
			time.AfterFunc(100*time.Millisecond, func() {
				now.Add(-1)
				ended()
			})
		})
		if most.Load() != 7 || unsent == 0 || now.Load() != 0 || sent > 7*11 {
			t.Errorf("%d in flight, %d sent, %d not, %d not waited for", most.Load(), sent, unsent, now.Load())
		}
	})
}

func TestOpenLoopEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		open := load.Open{Rate: 10, Duration: time.Hour, Most: 100, Random: rand.New(rand.NewPCG(1, 2))}
		if sent, _ := open.Run(ctx, func(_ time.Time, ended func()) { context.AfterFunc(ctx, ended) }); sent == 0 || sent > 50 {
			t.Errorf("%d were sent", sent)
		}
	})
}
