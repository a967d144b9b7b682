package tensorjson

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values. Invalid is text that begins none of them.
const (
	Invalid Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// String returns the kind with its article, for messages.
func (k Kind) String() string {
	return [...]string{"no value", "an object", "an array", "a string", "a number", "a boolean", "null"}[k]
}

func kindAt(text []byte, p int) Kind {
	if p >= len(text) {
		return Invalid
	}
	switch c := text[p]; {
	case c == '{':
		return Object
	case c == '[':
		return Array
	case c == '"':
		return String
	case c == '-' || isDigit(c) || isNonFinite(text, p):
		return Number
	case hasLiteral(text, p, "true"), hasLiteral(text, p, "false"):
		return Bool
	case hasLiteral(text, p, "null"):
		return Null
	default:
		return Invalid
	}
}

// Kind returns the kind of the next value, without reading it. It is Invalid after an
// error.
func (s *Scanner) Kind() Kind {
	if s.err != nil {
		return Invalid
	}
	return kindAt(s.text, s.at)
}

// expect reports whether the next value has the kind. Another kind is an error.
func (s *Scanner) expect(kind Kind) bool {
	if s.err != nil {
		return false
	}
	switch found := kindAt(s.text, s.at); found {
	case kind:
		return true
	case Invalid:
		s.setSyntaxError(noValueError(s.text, s.at))
	default:
		s.Fail(fmt.Errorf("found %v, want %v", found, kind))
	}
	return false
}

// Null reports whether the next value is null, and reads it only in that case.
func (s *Scanner) Null() bool {
	if s.Kind() != Null {
		return false
	}
	s.at += len("null")
	return true
}

// Bool reads true or false.
func (s *Scanner) Bool() bool {
	if !s.expect(Bool) {
		return false
	}
	if s.text[s.at] == 't' {
		s.at += len("true")
		return true
	}
	s.at += len("false")
	return false
}

// Text reads a string. A string without escapes aliases the text.
func (s *Scanner) Text() []byte {
	if !s.expect(String) {
		return nil
	}
	end, escaped, f := stringEnd(s.text, s.at)
	if f != nil {
		s.setSyntaxError(f)
		return nil
	}
	raw := s.text[s.at+1 : end-1 : end-1]
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	s.at = end
	return raw
}

// number reads a number.
func (s *Scanner) number() (n number, ok bool) {
	if !s.expect(Number) {
		return n, false
	}
	if n, ok = scanNumber(s.text, s.at); !ok {
		s.setSyntaxError(badNumberError(s.text, s.at, n.end))
	}
	return n, ok
}

// Int64 reads a whole number. 1.0 and 1e3 are whole.
func (s *Scanner) Int64() int64 {
	n, ok := s.number()
	if !ok {
		return 0
	}
	below, above := magnitudes[int64]()
	value, status := n.integer(s.text, below, above)
	if status != whole {
		s.Fail(integerError(s.text[s.at:n.end], status, tensor.Int64))
		return 0
	}
	s.at = n.end
	return int64(value)
}

// Float64 reads a number, rounded to the nearest float64, or NaN or an infinity. Digits
// that round to infinity are an error.
func (s *Scanner) Float64() float64 {
	n, ok := s.number()
	if !ok {
		return 0
	}
	value, ok := parseFloat[float64](s.text, s.at, n)
	if !ok {
		s.Fail(tooLargeError(s.text[s.at:n.end], tensor.FP64))
		return 0
	}
	s.at = n.end
	return value
}
