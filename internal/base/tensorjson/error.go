package tensorjson

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Error says what is wrong with a JSON text, and where.
type Error struct {
	// Path leads to the value in question, such as "inputs[0].data[5]"; it is empty
	// for the whole text.
	Path string
	// Offset counts the bytes before the place, Line the lines from 1 and Column the
	// bytes of the line from 1.
	Offset, Line, Column int
	// Syntax says that the text is no JSON. Else it is, of another value than fits.
	Syntax bool
	// Err is what was found and what fits.
	Err error
}

// Error returns the path and the message. Malformed JSON is found by its line and
// column, because a path means little there.
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

// flaw is a place at which a text is no JSON; nil is none.
type flaw struct {
	at      int
	message string
}

func flawf(at int, format string, args ...any) *flaw {
	return &flaw{at: at, message: fmt.Sprintf(format, args...)}
}

// valueFlaw says why no value begins at p.
func valueFlaw(text []byte, p int) *flaw {
	if p >= len(text) {
		return flawf(p, "it ends where a value should be")
	}
	if name := noNumber(text, p); name != "" {
		return flawf(p, "JSON has no %s; binary tensor data has", name)
	}
	if c := text[p]; (c == ']' || c == '}') && p > 0 && lastBefore(text, p) == ',' {
		return flawf(p, "no value follows the last comma")
	}
	return flawf(p, "found %s where a value should be", quoteAt(text, p))
}

// numberFlaw says why the number that begins at p is none from at on.
func numberFlaw(text []byte, p, at int) *flaw {
	name := noNumber(text, p)
	switch {
	case name != "":
		return flawf(p, "JSON has no %s; binary tensor data has", name)
	case at >= len(text):
		return flawf(at, "it ends within a number")
	case isDigit(text[at]):
		return flawf(p, "a number has no leading zeros")
	default:
		return flawf(at, "found %s where a number needs a digit", quoteAt(text, at))
	}
}

// noNumber returns the name at p of a float that is no number, as other languages
// write it.
func noNumber(text []byte, p int) string {
	for _, name := range [...]string{"NaN", "nan", "Infinity", "-Infinity", "inf", "-inf"} {
		if hasWord(text, p, name) {
			return name
		}
	}
	return ""
}

// nextFlaw says what stands at p instead of what may follow an element.
func nextFlaw(text []byte, p int, closing byte) *flaw {
	if p >= len(text) {
		return flawf(p, "it ends where a comma or %q should be", closing)
	}
	return flawf(p, "found %s where a comma or %q should be", quoteAt(text, p), closing)
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

// excerpt returns a short form of a text that goes into a message.
func excerpt(text []byte) string {
	const most = 40
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most]) + "..."
}
