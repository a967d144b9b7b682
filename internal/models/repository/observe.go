package repository

import (
	"context"
	"errors"
	"io/fs"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// LoadObserver observes the loads of versions. It is safe for concurrent use.
type LoadObserver interface {
	// LoadStarted is called when the load of a version begins, and returns a function that
	// is called once when it ends. failure is empty when the load succeeded, or was ended
	// because nobody needs it any more; otherwise it is one of the Failure constants.
	LoadStarted(model string, version int64) (ended func(failure string))
}

// The classes of failed loads.
const (
	FailureMemory    = "memory"     // there was not enough memory
	FailureTimeLimit = "time_limit" // it took longer than its limit
	FailureCrash     = "crash"      // its process died
	FailureFiles     = "files"      // files could not be read, or changed meanwhile
	FailureModel     = "model"      // the model or its configuration is wrong
)

// failureOf returns the class of the error of a load.
func failureOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, engine.ErrTimeLimit), errors.Is(context.Cause(ctx), engine.ErrTimeLimit):
		return FailureTimeLimit
	case ctx.Err() != nil:
		return ""
	case errors.Is(err, engine.ErrOutOfMemory):
		return FailureMemory
	case errors.Is(err, engine.ErrCrashed):
		return FailureCrash
	case errors.Is(err, errChanged), isFileError(err), systemError(err):
		return FailureFiles
	}
	return FailureModel
}

func isFileError(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// observeLoad reports the load of a version to Options.Loads. The caller calls ended with
// the error of the load.
func (r *Repository[S]) observeLoad(ctx context.Context, model string, version int64) (ended func(error)) {
	if r.options.Loads == nil {
		return func(error) {}
	}
	observed := r.options.Loads.LoadStarted(model, version)
	return func(err error) { observed(failureOf(ctx, err)) }
}
