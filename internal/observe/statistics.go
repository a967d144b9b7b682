package observe

import (
	"slices"
	"sync"
	"time"
)

// Statistics counts the requests of one version of a model, and sums up the times of
// their steps. The zero value is empty. It is safe for concurrent use.
type Statistics struct {
	mu   sync.Mutex
	sums Sums
}

// Duration sums up times.
type Duration struct {
	Count uint64
	Total time.Duration
}

func (d *Duration) add(total time.Duration) {
	d.Count++
	d.Total += total
}

// Sums are the statistics at one moment.
type Sums struct {
	// Success and Fail are the times from a request's arrival to its answer.
	Success, Fail Duration
	// The steps of the requests that succeeded: waiting, making tensors of the
	// request, running the model, making the answer.
	Queue, ComputeInput, ComputeInfer, ComputeOutput Duration
	// CacheHit and CacheMiss are the look-ups of the response cache.
	CacheHit, CacheMiss Duration
	// LastInference is when the last request succeeded; zero when none has.
	LastInference time.Time
	// Inferences counts what succeeded, each element of a batch for itself.
	Inferences uint64
	// Executions counts the runs of the model.
	Executions uint64
	// Batches sums up the executions by batch size, smallest first.
	Batches []BatchSums
}

// BatchSums sums up the executions of one batch size.
type BatchSums struct {
	BatchSize                                 uint64
	ComputeInput, ComputeInfer, ComputeOutput Duration
}

// Sample is what one request took.
type Sample struct {
	// BatchSize is the number of the request's elements: 1 where the model has no
	// batches.
	BatchSize uint64
	// Total is the time from the request's arrival to its answer.
	Total time.Duration
	// The times of the steps.
	Queue, ComputeInput, ComputeInfer, ComputeOutput time.Duration
}

// Succeeded records a request that was answered at the time now. One request is one
// execution.
func (s *Statistics) Succeeded(now time.Time, sample Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.sums
	if now.After(t.LastInference) {
		t.LastInference = now
	}
	t.Inferences += sample.BatchSize
	t.Executions++
	t.Success.add(sample.Total)
	t.Queue.add(sample.Queue)
	t.ComputeInput.add(sample.ComputeInput)
	t.ComputeInfer.add(sample.ComputeInfer)
	t.ComputeOutput.add(sample.ComputeOutput)
	b := s.batch(sample.BatchSize)
	b.ComputeInput.add(sample.ComputeInput)
	b.ComputeInfer.add(sample.ComputeInfer)
	b.ComputeOutput.add(sample.ComputeOutput)
}

// Failed records a request that was answered with an error after total.
func (s *Statistics) Failed(total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Fail.add(total)
}

// Sums returns the statistics at this moment.
func (s *Statistics) Sums() Sums {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := s.sums
	sums.Batches = slices.Clone(sums.Batches)
	return sums
}

// batch returns the sums of a batch size, new where there are none.
func (s *Statistics) batch(size uint64) *BatchSums {
	at, found := slices.BinarySearchFunc(s.sums.Batches, size, func(b BatchSums, size uint64) int {
		return int(min(max(int64(b.BatchSize)-int64(size), -1), 1))
	})
	if !found {
		s.sums.Batches = slices.Insert(s.sums.Batches, at, BatchSums{BatchSize: size})
	}
	return &s.sums.Batches[at]
}
