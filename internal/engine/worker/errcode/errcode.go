package errcode

import (
	"context"
	"errors"
	"strings"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// Code identifies a sentinel error. 0 is success.
type Code uint32

// MaxText is the maximum length of an error's text in bytes. Longer texts are truncated.
const MaxText = 4 << 10

// sentinels has the errors that cross. An error's code is the position of its sentinel
// plus 1. The order matters: an error gets the code of the first sentinel in its tree.
var sentinels = [...]error{
	engine.ErrBadInput,
	engine.ErrOutOfMemory,
	engine.ErrTimeLimit,
	engine.ErrTooLarge,
	engine.ErrClosed,
	engine.ErrUnsupported,
	engine.ErrBadModel,
	engine.ErrRun,
	context.Canceled,
	context.DeadlineExceeded,
}

// other is the code of an error without one of the sentinels.
const other = Code(len(sentinels) + 1)

// Of returns the code of err and its text, which is valid UTF-8 of at most MaxText bytes.
func Of(err error) (Code, string) {
	if err == nil {
		return 0, ""
	}
	for i, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			return Code(i + 1), bounded(err.Error())
		}
	}
	return other, bounded(err.Error())
}

// Valid reports whether c is a code of this program.
func (c Code) Valid() bool { return c <= other }

// Error returns the error for a code and a text of Of, nil for code 0. errors.Is finds the
// sentinel. The text may come from a compromised process: it is made valid UTF-8 and
// truncated. A code that is not valid is an error without a sentinel.
func Error(code Code, text string) error {
	if code == 0 {
		return nil
	}
	e := &remoteError{text: bounded(text)}
	if code < other {
		e.sentinel = sentinels[code-1]
	}
	return e
}

// bounded returns text as valid UTF-8 of at most MaxText bytes.
func bounded(text string) string {
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	if text = strings.ToValidUTF8(text, ""); text == "" {
		return "error without a text"
	}
	return text
}

// remoteError is an error of the other process.
type remoteError struct {
	sentinel error // nil for an error without one
	text     string
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() error { return e.sentinel }
