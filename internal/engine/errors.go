package engine

import "errors"

var (
	// ErrBadInput reports that the inputs of a Run do not fit the signature. Its text
	// is safe to return to clients.
	ErrBadInput = errors.New("bad input")
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
