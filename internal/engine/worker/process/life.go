package process

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// ErrUnresponsive is the Cause of a worker that the server ended because it neither answered
// nor computed: something stopped it (SIGSTOP, a debugger), or its threads wait for each other.
var ErrUnresponsive = errors.New("the worker did not answer")

// watchLife pings the worker and kills it when it is unresponsive. Goroutines that run no model
// answer pings. Time counts in ticks of this goroutine, so that a time in which the server was
// stopped too, such as with its container, is not held against the worker.
func (p *Process) watchLife() {
	ticker := time.NewTicker(p.options.PingInterval)
	defer ticker.Stop()
	answered, silence := p.ping(), silence{}
	for {
		select {
		case <-p.deaf: // the worker has ended, or receive ends it
			return
		case <-ticker.C:
		}
		select {
		case <-answered:
			answered, silence = p.ping(), nil
			continue
		default:
		}
		if silence = append(silence, p.activity()); silence.unresponsive(p.options.PingTicks) {
			p.Kill(fmt.Errorf("%w for %v", ErrUnresponsive, time.Duration(p.options.PingTicks)*p.options.PingInterval))
			return
		}
	}
}

// ping sends a ping and returns a channel that is closed when it is answered.
func (p *Process) ping() <-chan struct{} {
	answered := make(chan struct{})
	go func() { // the write may wait for a worker that does not read
		if _, _, err := p.call(context.Background(), control.Request{Ping: &control.Ping{}}); err == nil {
			close(answered)
		}
	}()
	return answered
}

// silence is what the worker did at each tick since it was pinged and did not answer.
type silence []activity

// idleCPU is the part of one CPU that the Go runtime may use while nothing runs: its monitor
// thread looks for work.
const idleCPU = 0.01

// unresponsive reports whether the worker neither answered nor had a reason for the last so many
// ticks. A worker that computes, or that waits for a CPU or for the disk, is slow and not
// stuck: the limits of runs are for it.
func (s silence) unresponsive(ticks int) bool {
	if len(s) < ticks {
		return false
	}
	recent := s[len(s)-ticks:]
	stopped, idle := true, true
	for _, a := range recent {
		stopped = stopped && a.stopped
		idle = idle && (a.stopped || a.waits)
	}
	first, last := recent[0], recent[ticks-1]
	used := last.cpu - first.cpu
	return stopped || idle && used.Seconds() <= idleCPU*last.at.Sub(first.at).Seconds()
}
