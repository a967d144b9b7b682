package scheduler

import (
	"context"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	_ engine.Session        = (*scheduler)(nil)
	_ engine.HealthReporter = (*scheduler)(nil)
	_ engine.Admitter       = (*scheduler)(nil)
)

// scheduler is the queue of one model and its instances.
type scheduler struct {
	session engine.Session
	options Options
	loops   sync.WaitGroup

	// mu guards what follows, and the entries that wait.
	mu    sync.Mutex
	queue queue
	// instances are all; idle are those that wait for work, of which the last to
	// become idle is used first, since its memory is warm. woken is how many are not
	// idle any more, and have not taken a batch yet.
	instances []*instance
	idle      []*instance
	woken     int
	// delay ends the wait for a fuller batch. hang looks after calls that do not come
	// back, while watching.
	delay, hang *time.Timer
	watching    bool
	health      health
	cost        cost
	// misfits is how many batches in a row came out without the batch's dimension, and
	// alone how many had one request.
	misfits, alone int
	told           counts
	// order is nil where answers go as they come.
	order     *order
	closed    bool
	closeOnce sync.Once
	closeErr  error
}

// New returns session behind the limits of options. It owns session: closing the
// returned one closes it.
//
// Run of the returned session answers a request that cannot be run in time with a
// *RefusedError, and one of a Lane that was overtaken with ErrOvertaken. When its context
// is done it returns the context's error at once: a request that still waits leaves
// the queue and is never run; of one that runs, the engine reads the inputs' memory
// until it has finished, so that after an error of the context the memory must not be
// written to.
func New(session engine.Session, options Options) engine.Session {
	s := &scheduler{session: session, options: options.withDefaults()}
	s.queue = newQueue(s.options.Levels)
	if b := s.options.Batching; b != nil && b.PreserveOrdering && s.options.Instances > 1 {
		s.order = newOrder(s.options.HangTimeout)
	}
	s.delay = time.AfterFunc(time.Hour, s.dispatchLater)
	s.delay.Stop()
	s.hang = time.AfterFunc(time.Hour, s.checkHang)
	s.hang.Stop()
	for range s.options.Instances {
		in := &instance{scheduler: s, wake: make(chan struct{}, 1)}
		s.instances = append(s.instances, in)
		s.idle = append(s.idle, in)
		s.loops.Go(in.loop)
	}
	return s
}

func (s *scheduler) Signature() *engine.Signature { return s.session.Signature() }

// Failing returns why the model is not given work at present, nil when it is.
func (s *scheduler) Failing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.hanging(now) {
		return s.refuseHanging()
	}
	return s.health.failing(now)
}

func (s *scheduler) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	// What does not fit is refused before it can be joined with others.
	if err := s.session.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		s.options.Observer.NotRun(ReasonCancelled)
		return nil, err
	}
	request := RequestOf(ctx)
	b := s.options.Batching
	e := newEntry(ctx, inputs, s.options.BatchDimension || (b != nil && b.MaxSize > 1))
	e.level = s.level(request.Priority)
	e.lane = request.Lane
	timeout := s.options.Levels[e.level].timeout(request.Timeout)
	if timeout != 0 {
		e.expires = e.arrived.Add(timeout)
	}
	if err := s.enter(e); err != nil {
		return nil, err
	}
	return s.wait(e, timeout)
}

// level returns the index of a priority's level.
func (s *scheduler) level(priority uint64) int {
	if priority == 0 || priority > uint64(len(s.options.Levels)) {
		return s.options.DefaultLevel - 1
	}
	return int(priority) - 1
}

// Close answers what waits with engine.ErrClosed, waits for the calls that run, and
// closes the session.
func (s *scheduler) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		s.queue.all(func(e *entry) bool {
			s.queue.remove(e)
			e.state = left
			e.answer <- answer{err: engine.ErrClosed}
			return true
		})
		s.delay.Stop()
		s.hang.Stop()
		for _, in := range s.instances {
			close(in.wake)
		}
	}
	s.mu.Unlock()
	s.loops.Wait()
	s.closeOnce.Do(func() { s.closeErr = s.session.Close() })
	return s.closeErr
}
