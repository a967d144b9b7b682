package respcache

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Observer receives statistics of lookups, from many goroutines.
type Observer interface {
	// LookedUp reports whether a response was found, and the duration of the lookup.
	LookedUp(hit bool, took time.Duration)
}

var (
	_ engine.Session        = (*session)(nil)
	_ engine.HealthReporter = (*session)(nil)
	_ engine.Prober         = (*session)(nil)
)

type session struct {
	engine.Session
	cache    *Cache
	observer Observer
	closed   bool // guarded by the cache's lock
}

// Wrap returns a session that returns cached responses of inner, and reports lookups to
// observer. It owns inner: Close closes inner and evicts its responses. As with any
// Session, the caller owns the outputs.
func (c *Cache) Wrap(inner engine.Session, observer Observer) engine.Session {
	return &session{Session: inner, cache: c, observer: observer}
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.Signature().CheckInputs(inputs); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return s.Session.Run(ctx, inputs) // which rejects and counts it
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

// SetProbe implements [engine.Prober] for the session behind the cache.
func (s *session) SetProbe(inputs []tensor.Tensor) { engine.SetProbe(s.Session, inputs) }

func (s *session) Close() error {
	s.cache.drop(s)
	return s.Session.Close()
}
