package tensorjson

import "errors"

// Skip reads and validates a value of any kind. It does not detect duplicate keys.
func (s *Scanner) Skip() {
	if s.err != nil {
		return
	}
	p, f := skipValue(s.text, s.at, s.depth)
	if f != nil {
		s.setSyntaxError(f)
		return
	}
	s.at = p
}

// Value is the position of a value in a text. The zero Value has none.
type Value struct {
	text  []byte
	at    int
	root  string
	depth int
}

// Value skips a value of any kind and returns its position. It serves values that need
// more context to parse, such as a tensor's data before its shape.
func (s *Scanner) Value() Value {
	v := Value{text: s.text, at: s.at, root: s.Path(), depth: s.depth}
	if s.Skip(); s.err != nil {
		return Value{}
	}
	return v
}

// Exists reports whether v has a value.
func (v Value) Exists() bool { return v.text != nil }

// Scanner returns a Scanner for the value alone. Its errors have the value's path and
// position in the whole text.
func (v Value) Scanner() *Scanner {
	s := &Scanner{text: v.text, at: v.at, root: v.root, depth: v.depth, part: true}
	if !v.Exists() {
		s.err = &Error{Err: errors.New("value is missing")}
	}
	return s
}
