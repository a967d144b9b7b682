package errcode

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// Code has a bit for each sentinel error that an error wraps. 0 is success.
type Code uint32

// MaxText is the maximum length of an error's text in bytes. Longer texts are truncated.
const MaxText = 4 << 10

// sentinels has the errors that cross: those of an engine, of a context, and errors of the
// system, which may pass and make a load worth repeating. The position of a sentinel is its
// bit.
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
	fs.ErrPermission,
	syscall.EIO,
	syscall.ENOSPC,
	syscall.ESTALE,
	syscall.EMFILE,
	syscall.ENFILE,
	syscall.ENOMEM,
	syscall.EAGAIN,
	syscall.EBUSY,
	syscall.ETIMEDOUT,
	syscall.ENOTCONN,
	syscall.EHOSTDOWN,
	syscall.EINTR,
}

// failure is set in the code of each error, so that one without a sentinel has a code.
const failure = Code(1 << len(sentinels))

// Of returns the code of err and its text, which is valid UTF-8 of at most MaxText bytes.
func Of(err error) (Code, string) {
	if err == nil {
		return 0, ""
	}
	code := failure
	for i, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			code |= 1 << i
		}
	}
	return code, bounded(err.Error())
}

// Valid reports whether c is a code of this program.
func (c Code) Valid() bool { return c == 0 || c&failure != 0 && c < failure<<1 }

// Error returns the error for a code and a text of Of, nil for code 0. errors.Is finds the
// sentinels. The text may come from a compromised process: it is made valid UTF-8 and
// truncated. A code that is not valid is an error with the sentinels that it has.
func Error(code Code, text string) error {
	if code == 0 {
		return nil
	}
	e := &remoteError{text: bounded(text)}
	for i, sentinel := range sentinels {
		if code&(1<<i) != 0 {
			e.sentinels = append(e.sentinels, sentinel)
		}
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
	sentinels []error
	text      string
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() []error { return e.sentinels }
