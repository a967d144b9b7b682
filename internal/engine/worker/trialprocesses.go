package worker

import (
	"context"
	"sync"
)

// trialProcesses bounds the processes for suspects of all models. An idle process, which is
// kept for the next suspect of its model, makes room for a suspect of another.
type trialProcesses struct {
	tokens chan struct{} // one for each process

	mu      sync.Mutex // for all below
	waiting int        // suspects that wait for a token
	idle    map[*trial]struct{}
}

func newTrialProcesses(limit int) *trialProcesses {
	return &trialProcesses{tokens: make(chan struct{}, limit), idle: make(map[*trial]struct{})}
}

// acquire waits until there may be another process.
func (p *trialProcesses) acquire(ctx context.Context) error {
	select {
	case p.tokens <- struct{}{}:
		return nil
	default:
	}
	p.endIdle()
	defer p.stopWaiting()
	select {
	case p.tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endIdle ends one process that is idle, for a suspect that waits from now on. Without one,
// the next that becomes idle ends.
func (p *trialProcesses) endIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting++
	for t := range p.idle {
		delete(p.idle, t)
		go t.endAfterUse()
		return
	}
}

func (p *trialProcesses) stopWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
}

// keep reports whether the process of t may stay idle.
func (p *trialProcesses) keep(t *trial) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting > 0 {
		return false
	}
	p.idle[t] = struct{}{}
	return true
}

// use takes the process of t off the idle ones.
func (p *trialProcesses) use(t *trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.idle, t)
}

// release makes room for another process: that of t has ended.
func (p *trialProcesses) release(t *trial) {
	p.use(t)
	<-p.tokens
}
