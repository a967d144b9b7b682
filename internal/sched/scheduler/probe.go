package scheduler

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// probeInterval is the minimum time between two probes of a model.
	probeInterval = time.Second
	// maxWarmupBytes limits the inputs of a warmup that are kept. Of a larger one the shapes
	// are.
	maxWarmupBytes = 1 << 20
	// undecidedShare limits probes that decide nothing, which make several calls, to a part
	// of an instance's time.
	undecidedShare = 10
)

// verdict says whose fault a failed call is.
type verdict uint8

const (
	// undecided: no input is known to be good, or the probe was ended.
	undecided verdict = iota
	// healthy: the model computes another input.
	healthy
	// broken: the model fails on an input that is known to be good.
	broken
)

// prober finds out whether a model that failed on a request computes another input. It is
// safe for concurrent use.
type prober struct {
	maxBytes int64
	seed     maphash.Seed
	known    atomic.Pointer[probeInput] // nil: no input has been computed
	// suspicious is set when requests need a digest, because the model has failed and never
	// computed an input.
	suspicious atomic.Bool

	mu sync.Mutex
	// running is closed when the present probe ends; nil: none runs. last is the verdict of
	// the previous one, which holds until next.
	running chan struct{}
	last    verdict
	next    time.Time
}

// probeInput is the input of probes. It is immutable.
type probeInput struct {
	// inputs is nil when they are made of shapes and fill for each probe.
	inputs []tensor.Tensor
	shapes []tensor.Shape
	fill   fill
	// good reports that the model has computed this input.
	good bool
}

// keep keeps a copy of the inputs of a successful request, unless there is an input that is
// known to be good. Of a request above the limit it keeps the shapes. The caller calls it
// before it answers the request, which owns the memory.
func (p *prober) keep(e *entry) {
	known := p.known.Load()
	if known != nil && (known.good || e.bytes > p.maxBytes) {
		return
	}
	next := &probeInput{shapes: shapesOf(e.inputs)}
	if e.bytes <= p.maxBytes {
		next.inputs, next.good = cloneTensors(e.inputs), true
	}
	p.known.CompareAndSwap(known, next)
}

// SetProbe implements [engine.Prober].
func (s *scheduler) SetProbe(inputs []tensor.Tensor) {
	size := 0
	for i := range inputs {
		size += len(inputs[i].Data)
	}
	next := &probeInput{shapes: shapesOf(inputs)}
	if size <= maxWarmupBytes {
		next.inputs, next.good = inputs, true
	}
	s.prober.known.Store(next)
}

// judge returns the error of a request whose call failed with err, and records the health
// of the model. It probes the model on this instance, which has nothing else to do: a probe
// waits for no queue, and does not run while the calls of all instances hang.
func (in *instance) judge(e *entry, err error) error {
	if isRequestError(err) {
		return err
	}
	s := in.scheduler
	found := s.prober.verdict(in, e)
	unproven := found == undecided && s.prober.known.Load() == nil
	if unproven {
		s.prober.suspicious.Store(true)
		e.digest = s.prober.digest(e.inputs)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case found == healthy:
		s.health.succeeded()
		if errors.Is(err, engine.ErrRun) {
			return fmt.Errorf("%w: the model cannot compute these inputs: %s", engine.ErrBadInput, strings.TrimPrefix(err.Error(), engine.ErrRun.Error()+": "))
		}
		return err
	case found == broken:
		s.health.suspects = nil
		s.health.failed(time.Now())
		return err
	case unproven:
		s.health.failedFirst(e.digest, time.Now())
	}
	if s.health.undecided++; s.health.undecided == maxFailures {
		s.options.Logger.Warn("the model keeps failing, and no input is known to be good: configure model_warmup, so that its health can be checked", "failures", maxFailures, "error", err)
	}
	return err
}

// verdict returns the verdict of a probe: of one that runs, of one that ended recently, or
// of a new one on in, for a request that failed.
func (p *prober) verdict(in *instance, e *entry) verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if running := p.running; running != nil {
		p.mu.Unlock()
		in.restart()
		<-running
		p.mu.Lock()
		return p.last
	}
	start := time.Now()
	if start.Before(p.next) {
		return p.last
	}
	running := make(chan struct{})
	p.running = running
	p.mu.Unlock()
	found := in.probe(e)
	p.mu.Lock()
	end := time.Now()
	p.running, p.last, p.next = nil, found, end.Add(probeInterval)
	if found == undecided {
		p.next = end.Add(max(probeInterval, undecidedShare*end.Sub(start)))
	}
	close(running)
	return found
}

// suspectDigest returns the digest of inputs where it is needed; otherwise 0.
func (p *prober) suspectDigest(inputs []tensor.Tensor) uint64 {
	if !p.suspicious.Load() {
		return 0
	}
	if p.known.Load() != nil {
		p.suspicious.Store(false)
		return 0
	}
	return p.digest(inputs)
}

// digest returns a hash of inputs.
func (p *prober) digest(inputs []tensor.Tensor) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for i := range inputs {
		maphash.WriteComparable(&h, inputs[i].DataType)
		for _, size := range inputs[i].Shape {
			maphash.WriteComparable(&h, size)
		}
		_, _ = h.Write(inputs[i].Data) // never fails
	}
	return h.Sum64()
}
