package telemetry

import (
	"slices"
	"sort"
	"time"
)

// Histogram counts values by size.
type Histogram struct {
	// Bounds are the buckets' upper bounds, ascending; a value that equals a bound is
	// in its bucket. They are shared: do not change them.
	Bounds []float64
	// Counts has the number of values in each bucket, and last the number of values above
	// the last bound.
	Counts []uint64
	// Count and Sum are of all values.
	Count uint64
	Sum   float64
	// Exemplars has the last traced value of each bucket that has one, in the order of Counts;
	// empty: none was traced.
	Exemplars []Exemplar
}

// Exemplar is a value of a request that is traced. The zero value is none.
type Exemplar struct {
	Value   float64
	TraceID string
	Time    time.Time
}

// timeBounds are in seconds. They range from a model that adds two numbers to the longest
// time that clients usually wait.
var timeBounds = []float64{
	50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1, 2.5, 5, 10, 30,
}

var sizeBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}

func (h *Histogram) add(bounds []float64, value float64) {
	if h.Counts == nil {
		h.Bounds, h.Counts = bounds, make([]uint64, len(bounds)+1)
	}
	h.Counts[sort.SearchFloat64s(bounds, value)]++
	h.Count++
	h.Sum += value
}

func (h *Histogram) addTime(d time.Duration) { h.add(timeBounds, d.Seconds()) }

// trace makes a duration that was added the exemplar of its bucket.
func (h *Histogram) trace(d time.Duration, traceID string, now time.Time) {
	if h.Exemplars == nil {
		h.Exemplars = make([]Exemplar, len(h.Counts))
	}
	h.Exemplars[sort.SearchFloat64s(h.Bounds, d.Seconds())] = Exemplar{Value: d.Seconds(), TraceID: traceID, Time: now}
}

func (h *Histogram) clone() Histogram {
	c := *h
	c.Counts, c.Exemplars = slices.Clone(h.Counts), slices.Clone(h.Exemplars)
	return c
}
