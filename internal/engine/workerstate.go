package engine

import "time"

// WorkerReporter is a Session whose model runs in a worker process. Callers use [WorkerOf].
type WorkerReporter interface {
	// Worker returns the present state of the process.
	Worker() Worker
}

// Worker is the state of the worker process that runs a model, alone or with others.
type Worker struct {
	// PID is the process ID; 0: none runs at present.
	PID int
	// Reason says why none runs. Its text is safe for clients. Empty: one runs, or has not
	// started yet.
	Reason string
	// Started is when the process began to serve.
	Started time.Time
	// Restarts counts the processes that have replaced one that died.
	Restarts int
	// LastDeath says how the last one died, and Died when. Its text is safe for clients.
	// Empty: none has died.
	LastDeath string
	Died      time.Time
}

// WorkerOf returns the state of the worker process that runs a session's model. ok is false
// where there is none: the model runs in this process.
func WorkerOf(s Session) (state Worker, ok bool) {
	if reporter, isReporter := s.(WorkerReporter); isReporter {
		return reporter.Worker(), true
	}
	return Worker{}, false
}
