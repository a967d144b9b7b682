package infer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

var (
	// ErrInvalid reports a request that is malformed or does not fit the model.
	ErrInvalid = errors.New("invalid request")
	// ErrNotSupported reports a request for a part of a protocol that this server does
	// not have, or has turned off.
	ErrNotSupported = errors.New("not supported")
	// ErrSharedMemoryOff is an ErrNotSupported: the operator has not allowed shared
	// memory.
	ErrSharedMemoryOff = fmt.Errorf("%w: shared memory is off (%s): send tensors in messages or enable the setting", ErrNotSupported, setting.AllowSharedMemory)
	// ErrDeadlineCeiling reports an inference that Options.MaxDeadline ended.
	ErrDeadlineCeiling = fmt.Errorf("inference took longer than the server allows (%s): send a smaller request or raise the setting", setting.MaxDeadline)
	// ErrOvertaken reports a latest-only request that was not run, because a newer one of
	// its stream arrived.
	ErrOvertaken = scheduler.ErrOvertaken
	// ErrStopping ends a stream whose server drains.
	ErrStopping = errors.New("the server is stopping; the requests of this stream that it received have been answered")
)

// invalidError is an ErrInvalid. Its text goes to the caller unchanged.
type invalidError struct{ text string }

func (e *invalidError) Error() string        { return e.text }
func (e *invalidError) Is(target error) bool { return target == ErrInvalid }

// Invalidf returns an ErrInvalid with a text for the caller: the name of the field, what
// is wrong with it, and what fits.
func Invalidf(format string, args ...any) error {
	return &invalidError{text: fmt.Sprintf(format, args...)}
}

// TensorNames lists the names of specs for the text of an error.
func TensorNames(specs []engine.TensorSpec) string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return QuoteNames(names)
}

// QuoteNames lists names for the text of an error.
func QuoteNames(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := make([]string, len(names))
	for i, name := range names {
		text[i] = strconv.Quote(name)
	}
	return strings.Join(text, ", ")
}
