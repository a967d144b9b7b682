package imageinput

import (
	"errors"
	"fmt"
	"slices"
)

// ErrInvalid reports a Source that does not fit the model or contradicts itself.
var ErrInvalid = errors.New("invalid image input")

// Field is a field of a Source.
type Field uint8

// The fields of a Source.
const (
	FieldImage Field = iota
	FieldValues
	FieldWidth
	FieldHeight
	FieldShape
	FieldDatatype
	FieldLayout
	FieldContentType
)

var fieldNames = [...]string{
	FieldImage: "image", FieldValues: "values", FieldWidth: "width", FieldHeight: "height",
	FieldShape: "shape", FieldDatatype: "datatype", FieldLayout: "layout", FieldContentType: "content_type",
}

func (f Field) String() string { return fieldNames[f] }

// Error reports what is wrong with a Source. It is an ErrInvalid, or wraps the error of
// the conversion. It keeps the fields that its text mentions as data: see Named.
type Error struct {
	format string
	args   []any // a Field is rendered by name
	cause  error // nil: an ErrInvalid
	name   func(Field) string
}

func (e *Error) Error() string {
	args := slices.Clone(e.args)
	for i, arg := range args {
		switch arg := arg.(type) {
		case Field:
			if e.name != nil {
				args[i] = e.name(arg)
			}
		case *Error:
			args[i] = arg.Named(e.name)
		}
	}
	return fmt.Sprintf(e.format, args...)
}

// Is reports whether target is ErrInvalid and the error has no other cause.
func (e *Error) Is(target error) bool { return target == ErrInvalid && e.cause == nil }

// Unwrap returns the error of the conversion, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Named returns the error with its fields rendered by name.
func (e *Error) Named(name func(Field) string) *Error {
	named := *e
	named.name = name
	return &named
}

// invalidf returns an Error that is an ErrInvalid. Fields among args are rendered by
// Named; format has %v for them.
func invalidf(format string, args ...any) error {
	return &Error{format: format, args: args}
}

// failed returns an Error of a field whose conversion failed with cause.
func failed(field Field, cause error) error {
	return &Error{format: "%v: %v", args: []any{field, cause}, cause: cause}
}
