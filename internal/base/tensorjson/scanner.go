package tensorjson

import (
	"errors"
	"iter"
	"strconv"
)

// Scanner reads a JSON text from beginning to end. Each reading method consumes the
// next value.
//
// Errors are sticky: after the first one, every method returns zero values, loops end,
// and Err and End return it. A caller can read everything and check once at the end.
//
// The Scanner keeps a reference to the text, which must not change while it is in use.
type Scanner struct {
	text []byte
	at   int
	err  error

	// root is the path of the value if the Scanner reads a part of a text. depth is the
	// number of arrays and objects that enclose the position, including those of root.
	root  string
	depth int
	steps []step
	part  bool
}

// step is one element of a path: a key of an object or an index of an array.
type step struct {
	key   []byte
	index int // used if key is nil
}

// NewScanner returns a Scanner for text.
func NewScanner(text []byte) *Scanner {
	return &Scanner{text: text, at: skipSpace(text, 0)}
}

// Err returns the first error, an *Error.
func (s *Scanner) Err() error { return s.err }

// End returns the first error, an *Error. Text after the value is an error, too. Only a
// nil error means that the whole text is valid JSON.
func (s *Scanner) End() error {
	if s.err == nil && !s.part {
		if p := skipSpace(s.text, s.at); p < len(s.text) {
			s.setSyntaxError(syntaxErrorf(p, "found %s after the value", quoteAt(s.text, p)))
		}
	}
	return s.err
}

// Fail sets the Scanner's error, with the path of the current value, unless it has an
// error already.
func (s *Scanner) Fail(err error) {
	if s.err == nil {
		s.err = newError(s.Path(), s.text, s.at, false, err)
	}
}

func (s *Scanner) setSyntaxError(f *syntaxError) {
	if s.err == nil {
		s.err = newError(s.Path(), s.text, f.at, true, errors.New(f.message))
	}
}

// Path returns the Scanner's position, such as "inputs[0].shape". It is empty at the
// top level.
func (s *Scanner) Path() string {
	path := []byte(s.root)
	for _, step := range s.steps {
		path = step.append(path)
	}
	return string(path)
}

func (t step) append(path []byte) []byte {
	if t.key == nil {
		path = append(path, '[')
		path = strconv.AppendInt(path, int64(t.index), 10)
		return append(path, ']')
	}
	word := len(t.key) > 0
	for _, c := range t.key {
		word = word && (isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_')
	}
	if !word {
		return append(strconv.AppendQuote(append(path, '['), excerpt(t.key)), ']')
	}
	if len(path) > 0 {
		path = append(path, '.')
	}
	return append(path, excerpt(t.key)...)
}

// Object reads an object, key by key. In the loop's body the next value is the key's. A
// value that the body does not read is skipped, and so is the rest of the object after
// an early exit. A repeated key is an error. A key without escapes aliases the text.
func (s *Scanner) Object() iter.Seq[[]byte] {
	return func(yield func(key []byte) bool) {
		if !s.open(Object) {
			return
		}
		var seen keys
		for more, wanted := s.first('}'), true; more; more = s.next('}') {
			start := s.at
			key, ok := s.key()
			if !ok {
				return
			}
			s.steps[len(s.steps)-1].key = key
			if !seen.add(key) {
				s.at = start
				s.Fail(errors.New("duplicate key"))
				return
			}
			wanted = s.visit(wanted, func() bool { return yield(key) })
		}
		s.leave()
	}
}

// Array reads an array, element by element, as Object reads an object.
func (s *Scanner) Array() iter.Seq[int] {
	return func(yield func(index int) bool) {
		if !s.open(Array) {
			return
		}
		for more, wanted := s.first(']'), true; more; more = s.next(']') {
			index := s.steps[len(s.steps)-1].index
			wanted = s.visit(wanted, func() bool { return yield(index) })
			if s.err != nil {
				return
			}
			s.steps[len(s.steps)-1].index++
		}
		s.leave()
	}
}

// visit calls body if wanted, and skips the value if body has not read it. It reports
// whether the loop wants more.
func (s *Scanner) visit(wanted bool, body func() bool) bool {
	start := s.at
	if wanted {
		wanted = body()
	}
	if s.err == nil && s.at == start {
		s.Skip()
	}
	return wanted
}

// open enters the object or array at the current position.
func (s *Scanner) open(kind Kind) bool {
	if !s.expect(kind) {
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.setSyntaxError(depthError(s.at))
		return false
	}
	s.at = skipSpace(s.text, s.at+1)
	s.steps = append(s.steps, step{})
	return true
}

// first reports whether the object or array has an entry.
func (s *Scanner) first(closing byte) bool {
	return s.at >= len(s.text) || s.text[s.at] != closing
}

// next moves past a comma and reports true, or stays at the closing bracket.
func (s *Scanner) next(closing byte) bool {
	if s.err != nil {
		return false
	}
	p := skipSpace(s.text, s.at)
	switch {
	case p < len(s.text) && s.text[p] == ',':
		s.at = skipSpace(s.text, p+1)
		return true
	case p < len(s.text) && s.text[p] == closing:
		s.at = p
	default:
		s.setSyntaxError(separatorError(s.text, p, closing))
	}
	return false
}

// leave moves past the closing bracket.
func (s *Scanner) leave() {
	if s.err == nil {
		s.at++
		s.depth--
		s.steps = s.steps[:len(s.steps)-1]
	}
}

// key reads a key and its colon.
func (s *Scanner) key() (key []byte, ok bool) {
	end, escaped, f := keyEnd(s.text, s.at)
	if f != nil {
		s.setSyntaxError(f)
		return nil, false
	}
	raw := s.text[s.at+1 : end-1 : end-1]
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	if s.at, f = colon(s.text, end); f != nil {
		s.setSyntaxError(f)
		return nil, false
	}
	return raw, true
}
