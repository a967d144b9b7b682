package repository

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// FailureClass is the kind of the cause of a failed load, for metrics.
type FailureClass string

// The classes of failures.
const (
	// FailureModel is a model that cannot be loaded until its files change.
	FailureModel FailureClass = "model"
	// FailureFiles is a file that could not be read.
	FailureFiles FailureClass = "files"
	// FailureMemory is a lack of memory.
	FailureMemory FailureClass = "memory"
	// FailureTimeLimit is a load that exceeded its time limit.
	FailureTimeLimit FailureClass = "time_limit"
	// FailureCrash is a load whose process died.
	FailureCrash FailureClass = "crash"
	// FailureEngine is an engine with too many abandoned loads, or a version that stays in
	// use.
	FailureEngine FailureClass = "engine"
)

// FailureClasses returns every class.
func FailureClasses() []FailureClass {
	return []FailureClass{FailureModel, FailureFiles, FailureMemory, FailureTimeLimit, FailureCrash, FailureEngine}
}

// classify returns the class of a failed load.
func classify(err error) FailureClass {
	switch {
	case errors.Is(err, engine.ErrTimeLimit):
		return FailureTimeLimit
	case errors.Is(err, engine.ErrOutOfMemory):
		return FailureMemory
	case errors.Is(err, engine.ErrCrashed):
		return FailureCrash
	case errors.Is(err, errAbandonedLoads), errors.Is(err, errInUse):
		return FailureEngine
	case errors.Is(err, fs.ErrPermission), errors.Is(err, errDirectory), slices.ContainsFunc(transientErrnos, func(errno error) bool { return errors.Is(err, errno) }):
		return FailureFiles
	}
	return FailureModel
}

// LoadFailures returns the number of failed loads of versions by class, since the start.
func (r *Repository[S]) LoadFailures() map[FailureClass]int64 {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	return maps.Clone(r.failures)
}

func (r *Repository[S]) countFailure(err error) {
	r.activeMu.Lock()
	defer r.activeMu.Unlock()
	r.failures[classify(err)]++
}
