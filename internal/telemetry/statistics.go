package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Statistics counts the requests of one version of a model, and sums up the times of
// their steps. The handlers tell it of requests, and the scheduler, whose Observer it
// is, of what happens between them and the engine. The zero value is empty. It is safe
// for concurrent use.
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
	// The steps of the requests that succeeded: waiting, which includes those that were
	// answered from the cache, as Triton counts it, and of those that were computed
	// making tensors of the request, running the model, making the answer.
	Queue, ComputeInput, ComputeInfer, ComputeOutput Duration
	// CacheHit and CacheMiss are the look-ups of the response cache.
	CacheHit, CacheMiss Duration
	// LastInference is when the last request succeeded; zero when none has.
	LastInference time.Time
	// Inferences counts what was computed, each element of a batch for itself.
	Inferences uint64
	// Executions counts the runs of the model that succeeded.
	Executions uint64
	// Batches sums up the executions by batch size, smallest first.
	Batches []BatchSums
	// NotRun counts the requests that were never run, by reason.
	NotRun map[string]uint64

	// InFlight is how many requests have arrived and have no answer yet, Waiting how
	// many of them are in the queue, with inputs of WaitingBytes, and Running how many
	// runs of the model are under way.
	InFlight     int64
	Waiting      int64
	WaitingBytes int64
	Running      int64

	// RequestSeconds has the requests that succeeded, QueueSeconds and ComputeSeconds
	// their steps, and BatchSizes the executions.
	RequestSeconds, QueueSeconds, ComputeSeconds, BatchSizes Histogram
}

// BatchSums sums up the executions of one batch size: the times of joining the inputs
// of its requests, of the run, and of dividing the outputs.
type BatchSums struct {
	BatchSize                                 uint64
	ComputeInput, ComputeInfer, ComputeOutput Duration
}

// Sample is what one request took.
type Sample struct {
	// BatchSize is the number of the request's elements: 1 where the model has no
	// batches.
	BatchSize uint64
	// Cached says that the answer came from the response cache.
	Cached bool
	// Total is the time from the request's arrival to its answer.
	Total time.Duration
	// The times of the steps.
	Queue, ComputeInput, ComputeInfer, ComputeOutput time.Duration
}

// Arrived records a request, for which Succeeded, Failed or Dropped is called in the
// end.
func (s *Statistics) Arrived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight++
}

// Succeeded records that a request was answered at the time now.
func (s *Statistics) Succeeded(now time.Time, sample Sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.sums
	t.InFlight--
	if now.After(t.LastInference) {
		t.LastInference = now
	}
	t.Success.add(sample.Total)
	t.RequestSeconds.addTime(sample.Total)
	t.Queue.add(sample.Queue)
	t.QueueSeconds.addTime(sample.Queue)
	if sample.Cached {
		return
	}
	t.Inferences += sample.BatchSize
	t.ComputeInput.add(sample.ComputeInput)
	t.ComputeInfer.add(sample.ComputeInfer)
	t.ComputeSeconds.addTime(sample.ComputeInfer)
	t.ComputeOutput.add(sample.ComputeOutput)
}

// Failed records that a request was answered with an error after total.
func (s *Statistics) Failed(total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight--
	s.sums.Fail.add(total)
}

// Dropped records that a request was answered without having been run: a newer one
// of its stream overtook it. Who dropped it calls NotRun besides.
func (s *Statistics) Dropped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight--
}

// Queued records how many requests wait, with inputs of how many bytes.
func (s *Statistics) Queued(requests int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Waiting, s.sums.WaitingBytes = int64(requests), bytes
}

// Running records how many runs of the model are under way.
func (s *Statistics) Running(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Running = int64(calls)
}

// Executed records a run of the model that succeeded: how many elements it computed,
// and the times of joining its inputs, of the run, and of dividing its outputs.
func (s *Statistics) Executed(rows int64, gather, compute, scatter time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Executions++
	s.sums.BatchSizes.add(sizeBounds, float64(rows))
	b := s.batch(uint64(rows))
	b.ComputeInput.add(gather)
	b.ComputeInfer.add(compute)
	b.ComputeOutput.add(scatter)
}

// NotRun records a request that was never run, and why.
func (s *Statistics) NotRun(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sums.NotRun == nil {
		s.sums.NotRun = map[string]uint64{}
	}
	s.sums.NotRun[reason]++
}

// LookedUp records a look-up in the response cache.
func (s *Statistics) LookedUp(hit bool, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hit {
		s.sums.CacheHit.add(took)
	} else {
		s.sums.CacheMiss.add(took)
	}
}

// Sums returns the statistics at this moment.
func (s *Statistics) Sums() Sums {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := s.sums
	sums.Batches = slices.Clone(sums.Batches)
	sums.NotRun = maps.Clone(sums.NotRun)
	for _, h := range []*Histogram{&sums.RequestSeconds, &sums.QueueSeconds, &sums.ComputeSeconds, &sums.BatchSizes} {
		*h = h.clone()
	}
	return sums
}

// batch returns the sums of a batch size, new where there are none.
func (s *Statistics) batch(size uint64) *BatchSums {
	at, found := slices.BinarySearchFunc(s.sums.Batches, size, func(b BatchSums, size uint64) int {
		return cmp.Compare(b.BatchSize, size)
	})
	if !found {
		s.sums.Batches = slices.Insert(s.sums.Batches, at, BatchSums{BatchSize: size})
	}
	return &s.sums.Batches[at]
}
