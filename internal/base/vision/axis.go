package vision

import (
	"math"
	"sync"
)

// weightBits is the fixed point of the weights, and weightHalf the rounding
// term. Pillow reserves 8 of the 32 bits for the sample and 2 for the overshoot
// of filters with negative lobes.
const (
	weightBits = 32 - 8 - 2
	weightHalf = 1 << (weightBits - 1)
)

// axis holds the resampling weights of one direction: for each output position
// the first input position and the weights from there on. It covers only the
// cropped part of the output, so its size does not depend on the part that is
// cut away. It is immutable once built.
type axis struct {
	first   []int32 // for each output position
	count   []int32 // number of inputs for each output position, at most taps
	weights []int32 // taps for each output position, zero after count
	taps    int
}

// span returns the input range [from, to) of output position i.
func (a *axis) span(i int) (from, to int) {
	return int(a.first[i]), int(a.first[i] + a.count[i])
}

// at returns the weights of output position i.
func (a *axis) at(i int) []int32 {
	return a.weights[i*a.taps:][:a.count[i]]
}

// axisKey identifies an axis: a line of in samples is resized to out, and size
// of them are needed from position offset on.
type axisKey struct {
	in, out, offset, size int
	filter                Filter
}

// newAxis computes the weights as Pillow's Resample.c defines them: the filter
// is stretched by the scale when shrinking, centred on the output pixel,
// sampled at input pixel centres, normalised to sum to one, and rounded to
// fixed point half away from zero.
func newAxis(k axisKey) *axis {
	scale := float64(k.in) / float64(k.out)
	stretch := max(scale, 1)
	support := k.filter.support() * stretch
	taps := int(math.Ceil(support))*2 + 1
	a := &axis{
		first:   make([]int32, k.size),
		count:   make([]int32, k.size),
		weights: make([]int32, k.size*taps),
		taps:    taps,
	}
	line := make([]float64, taps)
	for i := range k.size {
		centre := (float64(k.offset+i) + 0.5) * scale
		from := max(int(centre-support+0.5), 0)
		to := min(int(centre+support+0.5), k.in)
		a.first[i], a.count[i] = int32(from), int32(to-from)
		sum := 0.0
		for x := range to - from {
			line[x] = k.filter.weight((float64(x+from) - centre + 0.5) / stretch)
			sum += line[x]
		}
		for x := range to - from {
			if sum != 0 {
				line[x] /= sum
			}
			a.weights[i*taps+x] = int32(math.Round(line[x] * (1 << weightBits)))
		}
	}
	return a
}

// nearestAxis maps each output position to the input pixel under its centre.
// Pillow computes the position by repeated addition; a multiplication rounds
// differently and sometimes selects the neighbour.
func nearestAxis(k axisKey) *axis {
	a := &axis{first: make([]int32, k.size)}
	scale := float64(k.in) / float64(k.out)
	at := scale * 0.5
	for i := range k.offset + k.size {
		if i >= k.offset {
			a.first[i-k.offset] = int32(min(int(at), k.in-1))
		}
		at += scale
	}
	return a
}

// axes caches the axes of recent sizes for all models of the process: most
// requests have one of a few sizes, and computing the weights costs more than
// resizing a small image. It holds at most maxAxes of at most maxAxisWeights
// each, 16 MiB in total. The mutex guards byKey.
var axes = struct {
	sync.Mutex
	byKey map[axisKey]*axis
}{byKey: make(map[axisKey]*axis, maxAxes)}

const (
	maxAxes        = 64
	maxAxisWeights = 64 << 10
)

// axisFor returns the axis of k, from the cache if it is there.
func axisFor(k axisKey) *axis {
	axes.Lock()
	a := axes.byKey[k]
	axes.Unlock()
	if a != nil {
		return a
	}
	if k.filter == Nearest {
		a = nearestAxis(k)
	} else {
		a = newAxis(k)
	}
	if len(a.weights)+len(a.first) > maxAxisWeights {
		return a
	}
	axes.Lock()
	defer axes.Unlock()
	if len(axes.byKey) >= maxAxes {
		for victim := range axes.byKey { // evicts any entry: map order is random
			delete(axes.byKey, victim)
			break
		}
	}
	axes.byKey[k] = a
	return a
}
