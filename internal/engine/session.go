package engine

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Session runs one loaded model. It is safe for concurrent use.
//
// It is the only interface that this package declares for its providers: engines,
// the scheduler and the response cache implement it, the latter two as decorators of
// another Session. Every implementation passes the suite in enginetest.
type Session interface {
	// Signature describes the model's inputs and outputs. It is constant; callers do
	// not modify it.
	Signature() *Signature
	// Run computes the model's outputs for inputs, one for each of Signature.Inputs and
	// in their order. Inputs that do not fit the signature are an ErrBadInput, other
	// failures an ErrRun or one of the errors beside it.
	//
	// A context that is done before the model starts ends Run with the context's error.
	// When it is done later, an engine ends the computation before its next operator, and
	// Run returns the context's error; a single operator runs to its end.
	//
	// Run reads the inputs' memory until it returns and not after, with one exception: a
	// decorator that returns a context's error without waiting for its session, as the
	// scheduler does, leaves the memory in use. After a context error of a decorator the
	// memory must not be modified or reused. An engine's own Run has no such exception.
	Run(ctx context.Context, inputs []tensor.Tensor) (*Result, error)
	// Close waits for calls of Run that have started, and then frees the model's memory.
	// Later calls of Run return ErrClosed; later calls of Close do nothing.
	Close() error
}

// HealthReporter is a Session that stops running a model that keeps failing. The
// scheduler implements it, and the response cache by forwarding to the session that it
// decorates. Callers use [Failing].
type HealthReporter interface {
	// Failing returns why the session rejects every request at present, nil while the
	// model is healthy.
	Failing() error
}

// Admitter is a Session that can predict admission. The scheduler implements it. The
// response cache does not: a cached answer needs no place in the queue. Callers use
// [Admits].
type Admitter interface {
	// Admits returns the error that Run would return for a request of any size that
	// arrived now; nil when the request would run or wait. A predicted rejection counts
	// in the statistics as a rejected request.
	Admits(ctx context.Context) error
}

// Prober is a Session that checks the model's health with inputs that are known to be
// good. The scheduler implements it, and the response cache by forwarding to the session
// that it decorates. Callers use [SetProbe].
type Prober interface {
	// SetProbe sets the inputs, which the model has computed before. The session keeps
	// them: they must not be modified.
	SetProbe(inputs []tensor.Tensor)
}

// Failing returns why a session rejects every request at present. It is nil for a
// healthy session, and for one that does not implement HealthReporter. The model
// repository calls it for readiness and for the repository index.
func Failing(s Session) error {
	if reporter, ok := s.(HealthReporter); ok {
		return reporter.Failing()
	}
	return nil
}

// Admits returns the error that s.Run would return for a request that arrived now; nil
// when s does not implement Admitter. Handlers call it before expensive preparation,
// such as decoding an image.
func Admits(ctx context.Context, s Session) error {
	if admitter, ok := s.(Admitter); ok {
		return admitter.Admits(ctx)
	}
	return nil
}

// SetProbe gives a session inputs that its model has computed, such as those of a warmup.
// It does nothing when s does not implement Prober. Inputs must not be modified afterwards.
func SetProbe(s Session, inputs []tensor.Tensor) {
	if prober, ok := s.(Prober); ok {
		prober.SetProbe(inputs)
	}
}
