package scheduler

import (
	"log/slog"
	"runtime"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxQueue      = 1024
	DefaultMaxQueueBytes = 1 << 30
	DefaultHangTimeout   = time.Minute
	DefaultMaxRun        = 5 * time.Minute
	DefaultProbeBytes    = 64 << 10
)

// Options limit the work of one model. The zero value has the defaults.
type Options struct {
	// Instances is the number of concurrent calls into the engine. 0 means one for each
	// CPU that Go may use. An engine ends a call whose callers left as soon as it can, so
	// this also limits the calls that outlive their callers.
	Instances int
	// MaxQueue and MaxQueueBytes limit the waiting requests, in number and in bytes of
	// their inputs. 0 means DefaultMaxQueue and DefaultMaxQueueBytes. An empty queue
	// admits a request of any size.
	MaxQueue      int
	MaxQueueBytes int64
	// BatchDimension reports that the first dimension of every input is the batch
	// dimension, so that the Observer gets numbers of rows.
	BatchDimension bool
	// Batching joins requests along that dimension; nil disables batching.
	Batching *Batching
	// Levels has the policies of the priority levels, the highest priority first. Empty
	// means one level without a policy. DefaultLevel, from 1, is the level of requests
	// without a priority; 0 means the lowest.
	Levels       []Policy
	DefaultLevel int
	// HangTimeout is how long the calls of all instances may take before the model is
	// marked unhealthy. 0 means DefaultHangTimeout.
	HangTimeout time.Duration
	// MaxRun limits the time of one call into the engine. A call that takes longer is ended,
	// and its request fails with an engine.ErrTimeLimit. 0 means DefaultMaxRun.
	MaxRun time.Duration
	// ProbeBytes is the maximum size, in bytes, of the inputs of one successful request,
	// which are kept to check the model's health with them. 0 means DefaultProbeBytes. With
	// a negative value no inputs of requests are kept.
	ProbeBytes int64
	// Observer receives statistics; nil discards them.
	Observer Observer
	// Logger logs panics of the engine, and failures for which no input is known to be good.
	// nil: slog.Default.
	Logger *slog.Logger
}

// Batching joins requests along the first dimension of every input and output, the batch
// dimension. When outputs repeatedly lack it, batching stops.
type Batching struct {
	// MaxSize is the maximum number of rows in a batch. A larger request runs alone.
	MaxSize int
	// Preferred are sizes that run as soon as they can be formed, ascending.
	Preferred []int
	// MaxDelay is how long a request waits for others to form a batch of a preferred size,
	// or of MaxSize without preferred sizes. With 0 it joins only requests that arrive
	// together with it, or while all instances are busy. It does not wait when a request
	// that cannot join it waits behind it.
	MaxDelay time.Duration
	// PreserveOrdering returns responses in the order of the requests, even when
	// instances finish in another order. No request then joins a batch ahead of an earlier
	// one. A call that takes longer than HangTimeout is skipped, so that it does not delay
	// all others.
	PreserveOrdering bool
}

// Policy limits the queue of one priority level.
type Policy struct {
	// MaxQueue limits the waiting requests of the level; 0: no limit of its own.
	MaxQueue int
	// Timeout is how long a request may wait; 0: until its caller's deadline.
	Timeout time.Duration
	// Override lets a request set its own timeout, which applies when it is shorter than
	// Timeout, or when Timeout is 0.
	Override bool
	// Delay moves a request that timed out behind those of its level that did not,
	// instead of rejecting it.
	Delay bool
}

// The reasons for which a request did not run: the label values of the metric.
const (
	ReasonQueueFull = "queue_full"
	ReasonBusy      = "busy"
	ReasonTimeout   = "timeout"
	ReasonFailing   = "failing"
	ReasonCancelled = "cancelled"
	ReasonOvertaken = "overtaken"
	// ReasonQuarantined: an equal request, or several of the same client, ended the process
	// of the model.
	ReasonQuarantined = "quarantined"
)

// Observer receives the scheduler's statistics. Many goroutines call its methods, some
// under the scheduler's lock, so that they must not block.
type Observer interface {
	// Queued reports the number of waiting requests, and the bytes of their inputs.
	Queued(requests int, bytes int64)
	// Running reports the number of running calls.
	Running(calls int)
	// Executed reports a successful call: its number of rows, and the time to join the
	// inputs, to run the model, and to split the outputs.
	Executed(rows int64, gather, compute, scatter time.Duration)
	// NotRun reports a request that never ran, with one of the reasons.
	NotRun(reason string)
}

// discard is an Observer that does nothing.
type discard struct{}

func (discard) Queued(int, int64)                                           {}
func (discard) Running(int)                                                 {}
func (discard) Executed(int64, time.Duration, time.Duration, time.Duration) {}
func (discard) NotRun(string)                                               {}

func (o Options) withDefaults() Options {
	if o.Instances == 0 {
		o.Instances = runtime.GOMAXPROCS(0)
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = DefaultMaxQueue
	}
	if o.MaxQueueBytes == 0 {
		o.MaxQueueBytes = DefaultMaxQueueBytes
	}
	if len(o.Levels) == 0 {
		o.Levels = []Policy{{}}
	}
	if o.DefaultLevel < 1 || o.DefaultLevel > len(o.Levels) {
		o.DefaultLevel = len(o.Levels)
	}
	if o.HangTimeout == 0 {
		o.HangTimeout = DefaultHangTimeout
	}
	if o.MaxRun == 0 {
		o.MaxRun = DefaultMaxRun
	}
	if o.ProbeBytes == 0 {
		o.ProbeBytes = DefaultProbeBytes
	}
	if o.Observer == nil {
		o.Observer = discard{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
