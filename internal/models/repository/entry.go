package repository

import (
	"slices"
	"time"
)

// entry is the state of a model that is not in the snapshot. The model's operations share
// it.
type entry struct {
	// lock is held by the operation in progress. It guards modelState.
	lock chan struct{}
	modelState

	// users counts the operations that hold the lock or wait for it, and overtaken is
	// closed when an unload overtakes them. Repository.entriesMu guards both.
	users     int
	overtaken chan struct{}
}

// modelState is what the operations of a model leave for the next one. Its zero value is
// that of a model that is not loaded.
type modelState struct {
	// tracked reports that the entry stays without users.
	tracked bool
	// wanted reports that the model should be loaded without a request, so that a transient
	// failure is retried.
	wanted bool
	// settings are those that were last read in the models directory.
	settings *settings
	// reconciled counts the times that the model was reconciled.
	reconciled int
	// applied is the fingerprint with which the model was last reconciled.
	applied fingerprint
	// attempts has the last load of each version, successful or not. That of wholeModel is the
	// last attempt to read the directory of a model without versions.
	attempts map[int64]attempt
	// leaving are versions that were unloaded to make room and have not closed.
	leaving []*instance
	// retry starts the next retry; nil when none is due.
	retry *time.Timer
}

// wholeModel stands for a model's version where it has none.
const wholeModel = 0

// attempt is a version's last load.
type attempt struct {
	// key is the fingerprint of the version's files.
	key fingerprint
	// failures counts the transient failures in a row with this key.
	failures int
	// next is the time of the next attempt with the same files; zero when there is none.
	next time.Time
}

// forget returns the model to the state of one that is not loaded.
func (s *modelState) forget() {
	s.stopRetry()
	*s = modelState{}
}

func (s *modelState) stopRetry() {
	if s.retry != nil {
		s.retry.Stop()
		s.retry = nil
	}
}

// join adds a user to a model's entry, and creates the entry where there is none. With
// overtake, it first ends the contexts of the entry's other users.
func (r *Repository[S]) join(name string, overtake bool) (e *entry, overtaken <-chan struct{}, err error) {
	r.entriesMu.Lock()
	defer r.entriesMu.Unlock()
	if r.stopping {
		return nil, nil, errStopping
	}
	e = r.entries[name]
	switch {
	case e == nil:
		e = &entry{lock: make(chan struct{}, 1), overtaken: make(chan struct{})}
		r.entries[name] = e
	case overtake:
		close(e.overtaken)
		e.overtaken = make(chan struct{})
	}
	e.users++
	r.operations.Add(1)
	return e, e.overtaken, nil
}

// leave removes a user from a model's entry, and the entry when it has no use any more.
func (r *Repository[S]) leave(name string, e *entry) {
	r.entriesMu.Lock()
	defer r.entriesMu.Unlock()
	if e.users--; e.users == 0 && !e.tracked {
		delete(r.entries, name)
	}
	r.operations.Done()
}

// entryNames returns the names of the models that have an entry, sorted.
func (r *Repository[S]) entryNames() []string {
	r.entriesMu.Lock()
	defer r.entriesMu.Unlock()
	names := make([]string, 0, len(r.entries))
	for name := range r.entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
