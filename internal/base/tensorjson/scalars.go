package tensorjson

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of JSON values. Invalid is what begins none.
const (
	Invalid Kind = iota
	Object
	Array
	String
	Number
	Bool
	Null
)

// String returns the kind with its article, as messages have it.
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
	case c == '-' || isDigit(c):
		return Number
	case hasWord(text, p, "true"), hasWord(text, p, "false"):
		return Bool
	case hasWord(text, p, "null"):
		return Null
	default:
		return Invalid
	}
}

// Kind returns what begins where the Scanner stands, and reads nothing. It is
// Invalid after an error.
func (s *Scanner) Kind() Kind {
	if s.err != nil {
		return Invalid
	}
	return kindAt(s.text, s.at)
}

// expect reports whether a value of the kind begins here. Another is an error.
func (s *Scanner) expect(kind Kind) bool {
	if s.err != nil {
		return false
	}
	switch found := kindAt(s.text, s.at); found {
	case kind:
		return true
	case Invalid:
		s.flawed(valueFlaw(s.text, s.at))
	default:
		s.Fail(fmt.Errorf("found %v, want %v", found, kind))
	}
	return false
}

// Null reports whether the value is null. It reads it then, and else nothing.
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

// Text reads a string. One without escapes is the text's own memory.
func (s *Scanner) Text() []byte {
	if !s.expect(String) {
		return nil
	}
	end, escaped, f := stringEnd(s.text, s.at)
	if f != nil {
		s.flawed(f)
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
		s.flawed(numberFlaw(s.text, s.at, n.end))
	}
	return n, ok
}

// Int64 reads a whole number. 1.0 and 1e3 are whole, too.
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

// Float64 reads a number, rounded to the nearest float64. One that is too large is
// an error.
func (s *Scanner) Float64() float64 {
	n, ok := s.number()
	if !ok {
		return 0
	}
	value, ok := toFloat[float64](n.decimal(s.text), s.text[s.at:n.end])
	if !ok {
		s.Fail(tooLargeError(s.text[s.at:n.end], tensor.FP64))
		return 0
	}
	s.at = n.end
	return value
}
