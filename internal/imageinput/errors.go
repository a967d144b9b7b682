package imageinput

import (
	"errors"
	"fmt"
	"strings"
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

func (f Field) String() string {
	if int(f) >= len(fieldNames) {
		return "unknown field"
	}
	return fieldNames[f]
}

// fieldMark begins the place of a field's name in the text of an Error. The field follows
// as one byte. Texts of requests are quoted, and so do not have it.
const fieldMark = '\x00'

// Error reports what is wrong with a Source. It is an ErrInvalid, or wraps the error of
// the conversion. It keeps the fields that its text mentions as data: see Named. It does
// not alias the Source.
type Error struct {
	text  string // with marks in place of the names of fields
	cause error  // nil: an ErrInvalid
	name  func(Field) string
}

func (e *Error) Error() string {
	var b strings.Builder
	for text := e.text; ; {
		before, marked, found := strings.Cut(text, string(fieldMark))
		b.WriteString(before)
		if !found || marked == "" {
			return b.String()
		}
		b.WriteString(e.name(Field(marked[0])))
		text = marked[1:]
	}
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

// newError returns an Error with a cause, which may be nil. Fields and Errors among args,
// for which format has %v, keep their fields as data.
func newError(cause error, format string, args ...any) *Error {
	for i, arg := range args {
		switch arg := arg.(type) {
		case Field:
			args[i] = string([]byte{fieldMark, byte(arg)})
		case *Error:
			args[i] = arg.text
		}
	}
	return &Error{text: fmt.Sprintf(format, args...), cause: cause, name: Field.String}
}

// invalidf returns an Error that is an ErrInvalid: see newError.
func invalidf(format string, args ...any) error { return newError(nil, format, args...) }

// imageError returns an Error of an image whose conversion failed with cause.
func imageError(cause error) error { return newError(cause, "%v: %v", FieldImage, cause) }
