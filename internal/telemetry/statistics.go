package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Statistics counts the requests of one version of a model, and sums up the durations of
// their steps. The core reports requests to it. The scheduler, whose Observer it is, reports
// queueing and execution. The zero value is empty. It is safe for concurrent use.
type Statistics struct {
	mu   sync.Mutex
	sums Sums
}

// Duration is a number of durations and their sum.
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
	// The steps of successful requests. Queue includes responses from the cache, as Triton
	// counts it. The others are of computed requests: building the input tensors, running
	// the model, building the response.
	Queue, ComputeInput, ComputeInfer, ComputeOutput Duration
	// CacheHit and CacheMiss are the lookups in the response cache.
	CacheHit, CacheMiss Duration
	// LastInference is the time of the last successful request; zero: none.
	LastInference time.Time
	// Inferences counts the computed elements of batches.
	Inferences uint64
	// Executions counts the successful executions of the model.
	Executions uint64
	// Batches sums up the executions by batch size, smallest first.
	Batches []BatchSums
	// NotRun counts the requests that ended before the model ran, by reason.
	NotRun map[string]uint64

	// InFlight is the number of requests received and not answered, Waiting how many of
	// them are in the queue, WaitingBytes the size of their inputs, and Running the number of
	// executions in progress.
	InFlight     int64
	Waiting      int64
	WaitingBytes int64
	Running      int64

	// RequestSeconds is of successful requests, QueueSeconds and ComputeSeconds of their
	// steps, and BatchSizes of executions.
	RequestSeconds, QueueSeconds, ComputeSeconds, BatchSizes Histogram
}

// BatchSums sums up the executions of one batch size: joining the inputs of its requests,
// running the model, and splitting the outputs.
type BatchSums struct {
	BatchSize                                 uint64
	ComputeInput, ComputeInfer, ComputeOutput Duration
}

// Sample has the durations of one successful request.
type Sample struct {
	// BatchSize is the number of the request's elements: 1 where the model does not batch.
	BatchSize uint64
	// Cached: the response came from the response cache.
	Cached bool
	// TraceID is the ID of the request's trace; empty: it is not traced.
	TraceID string
	// Total is from the request's arrival to its response.
	Total time.Duration
	// The durations of the steps.
	Queue, ComputeInput, ComputeInfer, ComputeOutput time.Duration
}

// Arrived records a request. Exactly one of Succeeded, Failed and Dropped follows.
func (s *Statistics) Arrived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight++
}

// Succeeded records a request that succeeded at the time now.
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
	if sample.TraceID != "" {
		t.RequestSeconds.trace(sample.Total, sample.TraceID, now)
		t.QueueSeconds.trace(sample.Queue, sample.TraceID, now)
	}
	if sample.Cached {
		return
	}
	t.Inferences += sample.BatchSize
	t.ComputeInput.add(sample.ComputeInput)
	t.ComputeInfer.add(sample.ComputeInfer)
	t.ComputeSeconds.addTime(sample.ComputeInfer)
	if sample.TraceID != "" {
		t.ComputeSeconds.trace(sample.ComputeInfer, sample.TraceID, now)
	}
	t.ComputeOutput.add(sample.ComputeOutput)
}

// Failed records a request that was answered with an error after total.
func (s *Statistics) Failed(total time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight--
	s.sums.Fail.add(total)
}

// Dropped records a request that was superseded by a newer one of its stream before the model
// ran. The caller also calls NotRun.
func (s *Statistics) Dropped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.InFlight--
}

// Queued records the number of requests in the queue, and the size of their inputs in bytes.
func (s *Statistics) Queued(requests int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Waiting, s.sums.WaitingBytes = int64(requests), bytes
}

// Running records the number of executions in progress.
func (s *Statistics) Running(calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sums.Running = int64(calls)
}

// Executed records a successful execution of the model: its batch size, and the durations of
// joining its inputs, of the run, and of splitting its outputs.
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

// NotRun records a request that ended before the model ran, and the reason.
func (s *Statistics) NotRun(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sums.NotRun == nil {
		s.sums.NotRun = map[string]uint64{}
	}
	s.sums.NotRun[reason]++
}

// LookedUp records a lookup in the response cache.
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
