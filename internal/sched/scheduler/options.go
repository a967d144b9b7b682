package scheduler

import (
	"runtime"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxQueue      = 1024
	DefaultMaxQueueBytes = 1 << 30
	DefaultHangTimeout   = time.Minute
)

// Options bound the work of one model. The zero value has the defaults.
type Options struct {
	// Instances is how many calls run in the engine at once. 0 means one for each CPU
	// that Go may use. A call into the engine cannot be interrupted, so this is also
	// how many calls can outlive their callers.
	Instances int
	// MaxQueue and MaxQueueBytes bound the requests that wait, in number and in the
	// bytes of their inputs. 0 means DefaultMaxQueue and DefaultMaxQueueBytes. A single
	// request that finds the queue empty waits whatever its size.
	MaxQueue      int
	MaxQueueBytes int64
	// BatchDimension says that the first dimension of every input is that of a batch,
	// so that what is observed counts its rows.
	BatchDimension bool
	// Batching joins requests along that dimension; nil leaves each for itself.
	Batching *Batching
	// Levels are the priority levels' policies, the highest priority first; none is
	// one level without limits of its own. DefaultLevel is the level of requests that
	// give none, from 1; 0 means the lowest.
	Levels       []Policy
	DefaultLevel int
	// HangTimeout is how long a call into the engine may take, while no instance is
	// idle, before the model is taken for hanging. 0 means DefaultHangTimeout.
	HangTimeout time.Duration
	// Observer is told of what happens; nil is told nothing.
	Observer Observer
}

// Batching says how requests are joined, along the first dimension of every input
// and output, which is a batch's. Where the outputs turn out not to have it, again and
// again, requests are run for themselves from then on.
type Batching struct {
	// MaxSize is the most rows of a batch. A request of more runs alone.
	MaxSize int
	// Preferred are sizes that are sent as soon as they can be formed, ascending.
	Preferred []int
	// MaxDelay is how long a request waits for others that would make a batch of a
	// preferred size, or of MaxSize where none is preferred. 0: not at all, so that it is
	// joined with those that come together with it, or while all instances are busy. It
	// does not wait while a request that cannot be joined with it waits behind it.
	MaxDelay time.Duration
	// PreserveOrdering gives answers in the order in which requests came, also where
	// instances finish in another: then no request is joined with those before others
	// that it does not fit. A call that takes longer than HangTimeout is not waited
	// for, so that it does not hold up all others.
	PreserveOrdering bool
}

// Policy bounds the queue of one priority level.
type Policy struct {
	// MaxQueue is how many requests may wait on the level; 0: no bound of its own.
	MaxQueue int
	// Timeout is how long a request may wait; 0: for as long as its caller does.
	Timeout time.Duration
	// Override lets a request give a timeout of its own, which counts where it is
	// shorter than Timeout or Timeout is 0.
	Override bool
	// Delay serves a request that has waited too long after those of its level that
	// have not, instead of refusing it.
	Delay bool
}

// The reasons for which a request was not run, as metrics name them.
const (
	ReasonQueueFull = "queue_full"
	ReasonBusy      = "busy"
	ReasonTimeout   = "timeout"
	ReasonFailing   = "failing"
	ReasonCancelled = "cancelled"
	ReasonOvertaken = "overtaken"
)

// Observer is told of what the scheduler does. Its methods are called from many
// goroutines, some under the scheduler's lock: they return at once.
type Observer interface {
	// Queued tells how many requests wait now, of how many bytes.
	Queued(requests int, bytes int64)
	// Running tells how many calls run in the engine now.
	Running(calls int)
	// Executed tells of a call into the engine that succeeded: how many rows it
	// computed, and the times of joining the inputs, of the model, and of dividing the
	// outputs.
	Executed(rows int64, gather, compute, scatter time.Duration)
	// NotRun tells of a request that was never run, by one of the reasons.
	NotRun(reason string)
}

// silent is the Observer that is told nothing.
type silent struct{}

func (silent) Queued(int, int64)                                           {}
func (silent) Running(int)                                                 {}
func (silent) Executed(int64, time.Duration, time.Duration, time.Duration) {}
func (silent) NotRun(string)                                               {}

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
	if o.Observer == nil {
		o.Observer = silent{}
	}
	return o
}
