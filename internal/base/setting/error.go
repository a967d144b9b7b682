package setting

import (
	"errors"
	"fmt"
	"strings"
)

// Error is an error that names settings. [Errorf] makes it.
type Error struct {
	format string
	args   []any
	plain  error
}

// Errorf formats an error as [fmt.Errorf] does, %w included. Each argument of type [Key]
// is a setting that the error names.
func Errorf(format string, args ...any) error {
	return &Error{format: format, args: args, plain: fmt.Errorf(format, args...)}
}

// Error returns the text with plain keys.
func (e *Error) Error() string { return e.plain.Error() }

// Unwrap returns the error whose chain has the operands of %w.
func (e *Error) Unwrap() error { return e.plain }

// Keys returns the settings that the error names, in the order of the text.
func (e *Error) Keys() []Key {
	var keys []Key
	for _, arg := range e.args {
		if key, ok := arg.(Key); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// text returns the text with each key as name renders it.
func (e *Error) text(name func(Key) string) string {
	args := make([]any, len(e.args))
	for i, arg := range e.args {
		switch arg := arg.(type) {
		case Key:
			args[i] = Key(name(arg))
		case error:
			args[i] = rendered{arg, Text(arg, name)}
		default:
			args[i] = arg
		}
	}
	return fmt.Errorf(e.format, args...).Error()
}

// rendered is an error with another text.
type rendered struct {
	error
	text string
}

func (r rendered) Error() string { return r.text }

// Text returns the text of err with each setting that an [Error] in its tree names as
// name renders it, such as --max-message-bytes.
func Text(err error, name func(Key) string) string {
	text := err.Error()
	if e, ok := err.(*Error); ok { //nolint:errorlint // the tree is walked below
		return e.text(name)
	}
	for _, inner := range unwrap(err) {
		if before := inner.Error(); before != "" {
			text = strings.ReplaceAll(text, before, Text(inner, name))
		}
	}
	return text
}

// unwrap returns the errors that err wraps.
func unwrap(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	if one := errors.Unwrap(err); one != nil {
		return []error{one}
	}
	return nil
}

// Flag renders a key as the flag of a command line.
func Flag(key Key) string { return "--" + string(key) }
