package engine

import "errors"

var (
	// ErrBadInput reports that the inputs of a Run do not fit the signature. Its text
	// is safe to return to clients.
	ErrBadInput = errors.New("bad input")
	// ErrRun reports that the runtime failed during a Run that it had accepted. Either
	// these inputs or the model can be the cause: the scheduler finds out with an input
	// that is known to be good. The text is the runtime's, without paths and source
	// locations, and is safe to return to clients.
	ErrRun = errors.New("the model failed")
	// ErrOutOfMemory reports a Run or a load for which there was not enough memory. It may
	// succeed later.
	ErrOutOfMemory = errors.New("out of memory")
	// ErrTimeLimit reports a Run or a load that exceeded its time limit and was ended.
	ErrTimeLimit = errors.New("time limit exceeded")
	// ErrCrashed reports a Run or a load whose process died of it.
	ErrCrashed = errors.New("the process of the model died")
	// ErrNoProcess reports that no process runs the model at present, and that attempts to
	// start one have failed. Further ones follow. The text is safe to return to clients.
	ErrNoProcess = errors.New("no worker runs the model")
	// ErrBadModel reports a model that cannot be loaded: its file is corrupt, or it
	// needs a feature that the engine does not have.
	ErrBadModel = errors.New("bad model")
	// ErrUnsupported reports a valid model with a tensor type that the engine cannot
	// transfer.
	ErrUnsupported = errors.New("unsupported")
	// ErrTooLarge reports an output above the engine's size limit.
	ErrTooLarge = errors.New("output is too large")
	// ErrClosed reports a Run on a closed Session.
	ErrClosed = errors.New("session is closed")
	// ErrUnknownPlatform reports a platform that a Registry does not have.
	ErrUnknownPlatform = errors.New("unknown platform")
)
