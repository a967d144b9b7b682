package scheduler

import (
	"context"
	"hash/maphash"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	_ engine.Session        = (*scheduler)(nil)
	_ engine.HealthReporter = (*scheduler)(nil)
	_ engine.Admitter       = (*scheduler)(nil)
	_ engine.Prober         = (*scheduler)(nil)
)

// scheduler is the queue of one model and its instances.
type scheduler struct {
	session engine.Session
	groups  engine.GroupRunner // session, if it is one
	options Options
	loops   sync.WaitGroup // of instances, and of calls on callers' goroutines

	// mu guards the fields below, and the waiting entries. Methods whose names end in
	// Locked require it.
	mu    sync.Mutex
	queue queue
	// instances are all instances. idle are those without work; the last one to become
	// idle is used first, since its memory is cached. woken is the number of instances
	// that were woken and have not taken a batch yet.
	instances []*instance
	idle      []*instance
	woken     int
	// delay ends the wait for a fuller batch. hang detects hanging calls, while watching.
	delay, hang *time.Timer
	watching    bool
	health      health
	prober      prober
	cost        cost
	// misfits counts consecutive batches whose outputs lack the batch dimension,
	// soloBatches consecutive batches of one request.
	misfits, soloBatches int
	wakeUps              wakeUps
	// groupable reports that the last request could have been in a group.
	groupable bool
	// groupPause is the number of calls until groups are tried again.
	groupPause int
	reported   counts
	// order is nil when answers need no order.
	order     *order
	closed    bool
	closeOnce sync.Once
	closeErr  error
}

// New returns a scheduler for session, as a Session. It owns session: closing the scheduler
// closes it.
//
// Run returns a *RejectedError for a request that was rejected or shed, and ErrOvertaken for
// one that a newer request of its latest-only group replaced. When its context is done it
// returns the context's error at once, or, for a call that was expected to be short, when
// the engine has ended it. A waiting request then leaves the queue and never runs. A
// running one ends as soon as the engine can end it: alone with its own context, in
// a batch with the last of the batch's callers. Until then the engine, or the copy into a
// batch, may read the inputs' memory, so that this memory must not be modified after a
// context error. A run longer than Options.MaxRun is an engine.ErrTimeLimit.
//
// A request that the model fails on is an engine.ErrBadInput when an input that is known
// to be good does not fail.
func New(session engine.Session, options Options) engine.Session {
	s := &scheduler{session: session, options: options.withDefaults()}
	s.groups, _ = session.(engine.GroupRunner)
	s.queue = newQueue(s.options.Levels)
	s.prober = prober{maxBytes: s.options.ProbeBytes, seed: maphash.MakeSeed()}
	if b := s.options.Batching; b != nil && b.PreserveOrdering && s.options.Instances > 1 {
		s.order = newOrder(s.options.HangTimeout)
	}
	s.delay = time.AfterFunc(time.Hour, s.dispatchAfterDelay)
	s.delay.Stop()
	s.hang = time.AfterFunc(time.Hour, s.checkHang)
	s.hang.Stop()
	for range s.options.Instances {
		in := &instance{scheduler: s, wake: make(chan struct{}, 1)}
		in.limit = time.AfterFunc(time.Hour, in.checkLimit)
		in.limit.Stop()
		s.instances = append(s.instances, in)
		s.idle = append(s.idle, in)
		s.loops.Go(in.loop)
	}
	return s
}

func (s *scheduler) Signature() *engine.Signature { return s.session.Signature() }

// Failing implements [engine.HealthReporter].
func (s *scheduler) Failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.hangingLocked(now) {
		return s.hangError()
	}
	return s.health.failing(now)
}

func (s *scheduler) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	// Invalid inputs must not join a batch.
	if err := s.session.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		s.options.Observer.NotRun(ReasonCancelled)
		return nil, err
	}
	if screener, ok := s.session.(engine.Screener); ok {
		if err := screener.Screen(ctx, inputs); err != nil {
			s.options.Observer.NotRun(ReasonQuarantined)
			return nil, err
		}
	}
	request := RequestOf(ctx)
	b := s.options.Batching
	e := newEntry(ctx, s.session.Signature(), inputs, s.options.BatchDimension || (b != nil && b.MaxSize > 1))
	e.level = s.level(request.Priority)
	e.group = request.LatestOnly
	e.digest = s.prober.suspectDigest(inputs)
	timeout := s.options.Levels[e.level].timeout(request.Timeout)
	if timeout != 0 {
		e.expires = e.arrived.Add(timeout)
	}
	in, err := s.admit(e)
	if err != nil {
		return nil, err
	}
	if in != nil {
		return s.runInline(in, e)
	}
	return s.wait(e, timeout)
}

// level returns the index of a priority level.
func (s *scheduler) level(priority uint64) int {
	if priority == 0 || priority > uint64(len(s.options.Levels)) {
		return s.options.DefaultLevel - 1
	}
	return int(priority) - 1
}

// Close answers waiting requests with engine.ErrClosed, ends running calls, waits until the
// engine has returned from them, and closes the session.
func (s *scheduler) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.queue.all(func(e *entry) bool {
			s.queue.remove(e)
			e.state = removed
			e.answer <- answer{err: engine.ErrClosed}
			return true
		})
		s.delay.Stop()
		s.hang.Stop()
		for _, in := range s.instances {
			close(in.wake)
			in.limit.Stop()
			in.endLocked(engine.ErrClosed)
		}
	}
	s.mu.Unlock()
	s.loops.Wait()
	s.closeOnce.Do(func() { s.closeErr = s.session.Close() })
	return s.closeErr
}
