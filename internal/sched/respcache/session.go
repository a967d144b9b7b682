package respcache

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Observer is told of look-ups, from many goroutines.
type Observer interface {
	// LookedUp tells whether an answer was found, and how long that took.
	LookedUp(hit bool, took time.Duration)
}

var (
	_ engine.Session        = (*session)(nil)
	_ engine.HealthReporter = (*session)(nil)
)

type session struct {
	engine.Session
	cache    *Cache
	observer Observer
	closed   bool // guarded by the cache's lock
}

// Wrap returns a session that answers from the cache where it can, and tells observer
// of it. It owns inner: closing the returned one closes it and forgets its answers.
// Outputs are their receiver's, as of any Session.
func (c *Cache) Wrap(inner engine.Session, observer Observer) engine.Session {
	return &session{Session: inner, cache: c, observer: observer}
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return s.Session.Run(ctx, inputs) // which refuses and counts it
	}
	start := time.Now()
	key := s.cache.hash(s, inputs)
	outputs := s.cache.find(key, s, inputs)
	took := time.Since(start)
	s.observer.LookedUp(outputs != nil, took)
	if outputs != nil {
		return &engine.Result{Outputs: outputs, Cached: true, Timings: engine.Timings{Compute: took}}, nil
	}
	result, err := s.Session.Run(ctx, inputs)
	if err == nil {
		s.cache.add(key, s, inputs, result.Outputs)
	}
	return result, err
}

// Failing implements [engine.HealthReporter] with the report of the session behind the
// cache.
func (s *session) Failing() error { return engine.Failing(s.Session) }

func (s *session) Close() error {
	s.cache.drop(s)
	return s.Session.Close()
}
