package tensorjson

import "errors"

// Skip reads a value of any kind, and checks that it is JSON. It does not compare
// the keys of its objects.
func (s *Scanner) Skip() {
	if s.err != nil {
		return
	}
	p, f := skipValue(s.text, s.at, s.depth)
	if f != nil {
		s.flawed(f)
		return
	}
	s.at = p
}

// Value is a value's place in a text. The zero Value is none.
type Value struct {
	text    []byte
	at, end int
	root    string
	depth   int
}

// Value reads a value of any kind as Skip does, and returns its place, for what can
// only be read when more is known: a tensor's data that comes before its shape.
func (s *Scanner) Value() Value {
	v := Value{text: s.text, at: s.at, root: s.Path(), depth: s.depth}
	if s.Skip(); s.err != nil {
		return Value{}
	}
	v.end = s.at
	return v
}

// Exists reports whether v is a value's place.
func (v Value) Exists() bool { return v.text != nil }

// JSON returns the value's own text.
func (v Value) JSON() []byte { return v.text[v.at:v.end:v.end] }

// Scanner returns a Scanner that stands at the value and reads nothing but it. Its
// errors have the value's path and place in the whole text.
func (v Value) Scanner() *Scanner {
	s := &Scanner{text: v.text, at: v.at, root: v.root, depth: v.depth, part: true}
	if !v.Exists() {
		s.err = &Error{Err: errors.New("there is no value")}
	}
	return s
}
