package tensorjson

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error is an error in a JSON text, with its location.
type Error struct {
	// Path is the path of the value, such as "inputs[0].data[5]". It is empty for the
	// whole text.
	Path string
	// Offset is the error's byte offset from 0, Line its line from 1, and Column its
	// byte within the line from 1.
	Offset, Line, Column int
	// Syntax reports malformed JSON. Otherwise the JSON is well-formed up to here, and
	// its value is not accepted.
	Syntax bool
	// Err states what was found and what is accepted.
	Err error
}

// Error returns the path and the message. Malformed JSON also has its line and column,
// because a path means little there.
func (e *Error) Error() string {
	message := e.Err.Error()
	if e.Syntax {
		message = fmt.Sprintf("malformed JSON at line %d, column %d: %s", e.Line, e.Column, message)
	}
	if e.Path == "" {
		return message
	}
	return e.Path + ": " + message
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

func newError(path string, text []byte, at int, syntax bool, err error) *Error {
	at = min(at, len(text))
	before := text[:at]
	return &Error{
		Path: path, Offset: at, Line: 1 + bytes.Count(before, []byte{'\n'}), Column: at - bytes.LastIndexByte(before, '\n'),
		Syntax: syntax, Err: err,
	}
}

// syntaxError is where and why a text is malformed; nil if it is not.
type syntaxError struct {
	at      int
	message string
}

func syntaxErrorf(at int, format string, args ...any) *syntaxError {
	return &syntaxError{at: at, message: fmt.Sprintf(format, args...)}
}

// noValueError describes why no value begins at p.
func noValueError(text []byte, p int) *syntaxError {
	if p >= len(text) {
		return syntaxErrorf(p, "unexpected end, want a value")
	}
	if f := foreignNameError(text, p); f != nil {
		return f
	}
	if name := encodingName(text, p); name != "" {
		return syntaxErrorf(p, "the text begins with the byte order mark of %s: send UTF-8 without a byte order mark", name)
	}
	if c := text[p]; (c == ']' || c == '}') && p > 0 && lastBefore(text, p) == ',' {
		return syntaxErrorf(p, "no value after the last comma")
	}
	return syntaxErrorf(p, "found %s, want a value", quoteAt(text, p))
}

// encodingName returns the encoding whose byte order mark the text begins with, or "".
func encodingName(text []byte, p int) string {
	switch {
	case p > 0:
		return ""
	case hasLiteral(text, 0, "\ufeff"):
		return "UTF-8"
	case hasLiteral(text, 0, "\xff\xfe"), hasLiteral(text, 0, "\xfe\xff"):
		return "UTF-16"
	default:
		return ""
	}
}

// badNumberError describes why the number that begins at p is malformed at at.
func badNumberError(text []byte, p, at int) *syntaxError {
	if f := foreignNameError(text, p); f != nil {
		return f
	}
	switch {
	case at >= len(text):
		return syntaxErrorf(at, "unexpected end within a number")
	case isDigit(text[at]):
		return syntaxErrorf(p, "a number must not have leading zeros")
	default:
		return syntaxErrorf(at, "found %s, want a digit", quoteAt(text, at))
	}
}

// foreignNames are NaN and the infinities as other languages write them.
var foreignNames = [...][2]string{
	{"nan", nanName},
	{"NAN", nanName},
	{"inf", infinityName},
	{"INF", infinityName},
	{"+Inf", infinityName},
	{"+inf", infinityName},
	{"-inf", negInfinityName},
	{"-INF", negInfinityName},
}

// foreignNameError describes such a name at p; nil if there is none.
func foreignNameError(text []byte, p int) *syntaxError {
	for _, name := range foreignNames {
		if hasLiteral(text, p, name[0]) {
			return syntaxErrorf(p, "found %s: write %s", name[0], name[1])
		}
	}
	return nil
}

// separatorError describes what is at p instead of a comma or the closing bracket.
func separatorError(text []byte, p int, closing byte) *syntaxError {
	if p >= len(text) {
		return syntaxErrorf(p, "unexpected end, want a comma or %q", closing)
	}
	return syntaxErrorf(p, "found %s, want a comma or %q", quoteAt(text, p), closing)
}

func lastBefore(text []byte, p int) byte {
	for p--; p > 0 && isSpace(text[p]); p-- {
	}
	return text[p]
}

// quoteAt quotes the character at p.
func quoteAt(text []byte, p int) string {
	r, size := utf8.DecodeRune(text[p:])
	if r == utf8.RuneError && size <= 1 {
		return fmt.Sprintf("the byte %#02x", text[p])
	}
	return strconv.QuoteRune(r)
}

// excerpt returns the beginning of text, short enough for a message.
func excerpt(text []byte) string {
	const maxExcerpt = 40
	if len(text) <= maxExcerpt {
		return string(text)
	}
	return string(text[:maxExcerpt]) + "..."
}
