package tensorjson

import (
	"errors"
	"iter"
	"strconv"
)

// Scanner reads a JSON text from its beginning to its end. Each method that reads
// takes the value at which the Scanner stands and goes on behind it.
//
// The first error stays: from then on every method returns zero values, loops end,
// and Err and End return it. So a caller reads as if all were well, and asks once.
//
// It holds on to the text, which must not change meanwhile.
type Scanner struct {
	text []byte
	at   int
	err  error

	// root is the path of the value that a Scanner for a part of a text is for, and
	// depth the number of arrays and objects around the position, its own included.
	root  string
	depth int
	steps []step
	part  bool
}

// step leads from an object or array to a value in it.
type step struct {
	key   []byte
	index int // of an array, where key is nil
}

// NewScanner returns a Scanner at the beginning of text.
func NewScanner(text []byte) *Scanner {
	return &Scanner{text: text, at: skipSpace(text, 0)}
}

// Err returns the first error, an *Error.
func (s *Scanner) Err() error { return s.err }

// End returns the first error, an *Error, or one that says that something follows
// the value that was read. Only then has the whole text been found to be JSON.
func (s *Scanner) End() error {
	if s.err == nil && !s.part {
		if p := skipSpace(s.text, s.at); p < len(s.text) {
			s.flawed(flawf(p, "found %s behind the value", quoteAt(s.text, p)))
		}
	}
	return s.err
}

// Fail makes err the Scanner's error if it has none, with the path of the value that
// is being read.
func (s *Scanner) Fail(err error) {
	if s.err == nil {
		s.err = newError(s.Path(), s.text, s.at, false, err)
	}
}

func (s *Scanner) flawed(f *flaw) {
	if s.err == nil {
		s.err = newError(s.Path(), s.text, f.at, true, errors.New(f.message))
	}
}

// Path returns where the Scanner is, such as "inputs[0].shape". It is empty outside
// of all objects and arrays.
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

// Object reads an object, key by key. In the loop's body the Scanner stands at the
// key's value; a value that the body does not read is skipped, and so is the rest of
// the object when the loop is left early. A key that comes a second time is an
// error. A key without escapes is the text's own memory.
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
				s.Fail(errors.New("the key is in its object twice"))
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

// visit calls body as long as it is wanted, and skips the value that was not read.
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

// open enters the object or array at which the Scanner stands.
func (s *Scanner) open(kind Kind) bool {
	if !s.expect(kind) {
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.flawed(depthFlaw(s.at))
		return false
	}
	s.at = skipSpace(s.text, s.at+1)
	s.steps = append(s.steps, step{})
	return true
}

// first reports whether there is something before the closing bracket.
func (s *Scanner) first(closing byte) bool {
	return s.at >= len(s.text) || s.text[s.at] != closing
}

// next goes on behind a comma, or stays at the closing bracket.
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
		s.flawed(nextFlaw(s.text, p, closing))
	}
	return false
}

// leave goes on behind the closing bracket.
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
		s.flawed(f)
		return nil, false
	}
	raw := s.text[s.at+1 : end-1 : end-1]
	if escaped {
		raw = appendUnescaped(make([]byte, 0, len(raw)), raw)
	}
	if s.at, f = colon(s.text, end); f != nil {
		s.flawed(f)
		return nil, false
	}
	return raw, true
}
