package main

import (
	"fmt"
	"math"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// Sizes of payloads: a few numbers, an image of 224 x 224 x 3 float32 values, and a
// large batch of them.
const (
	smallBytes = 16
	imageBytes = 602_112
	largeBytes = 20_000_000
)

// Floors: what each ratio to grpc-go is to be.
const (
	mostSmallCPU = 0.8 // of the CPU per request, at smallBytes
	mostCPU      = 0.5 // and above that
	mostP99      = 1.0
	mostMemory   = 0.6 // at largeBytes with mostCallers
	mostIdle     = 1.0 // of the memory of an idle connection
	leastFrames  = 1.5 // of a stream's frames per second
	leastUpload  = 200 // MB/s over a long way
)

// mostCallers is the largest number of requests in flight.
const mostCallers = 32

// missMark stands behind a figure that misses its floor.
const missMark = " ✗"

// missedText explains missMark.
const missedText = "✗ marks a ratio that misses what it is to be."

func mostCPUAt(size int) float64 {
	if size < imageBytes {
		return mostSmallCPU
	}
	return mostCPU
}

// atMost writes a figure with its ratio to a base, and marks it where the ratio is over
// most.
func atMost[T ~int64](b *bench, figure string, value, base T, most float64) string {
	return b.marked(report.Compared(figure, value, base), base > 0 && hundredths(value, base) > most)
}

// atLeast does so where the ratio is below least.
func atLeast[T ~int64 | ~float64](b *bench, figure string, value, base T, least float64) string {
	return b.marked(report.Compared(figure, value, base), base > 0 && hundredths(value, base) < least)
}

func (b *bench) marked(cell string, misses bool) string {
	if misses {
		b.missed++
		return cell + missMark
	}
	return cell
}

// hundredths returns a ratio as it is shown.
func hundredths[T ~int64 | ~float64](value, base T) float64 {
	return math.Round(100*float64(value)/float64(base)) / 100
}

// cpuCell writes CPU time per request; "n/a" where the system does not tell.
func cpuCell(b *bench, value, base time.Duration, most float64) string {
	if value == 0 {
		return "n/a"
	}
	return atMost(b, report.Time(value), value, base, most)
}

// floorsText says what the ratios of the unary sections are to be.
func floorsText() string {
	return fmt.Sprintf("× is against grpc-go, measured in turns. CPU per request is to be at most %.2f× at %d bytes and %.2f× above, p99 at most %.2f×, peak memory at %s bytes with %d callers at most %.2f×. %s",
		mostSmallCPU, smallBytes, mostCPU, mostP99, report.Count(largeBytes), mostCallers, mostMemory, missedText)
}
