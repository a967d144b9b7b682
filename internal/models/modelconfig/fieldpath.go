package modelconfig

import "strings"

// fieldScanner iterates over the field names of protobuf text. For a malformed text it is
// correct up to the position of prototext's error.
type fieldScanner struct {
	text []byte
	at   int
	// open has the brackets around at, each with the field whose value it opens.
	open []bracket
	// name is the last field name within them.
	name string
	// inValue reports that the value of name follows, so that a word is not a name.
	inValue bool
}

type bracket struct {
	field string
	list  bool
}

// next consumes a token and returns it. isName reports a field name. It does not advance
// past the end or an unterminated string.
func (f *fieldScanner) next() (t token, isName bool) {
	t = nextToken(f.text, f.at)
	switch {
	case t.kind == tokenEnd, t.kind == tokenUnterminated:
		return token{tokenEnd, t.start, t.start}, false
	case !f.inValue && t.kind == '[': // the name of an extension
		end, bad := skipBrackets(f.text, t)
		if bad != nil {
			return token{tokenEnd, t.start, t.start}, false
		}
		t.end = end
		fallthrough
	case !f.inValue && t.kind == tokenWord:
		f.name, f.inValue, isName = string(f.text[t.start:t.end]), true, true
	case closingBracket[t.kind] != 0:
		f.open = append(f.open, bracket{f.name, t.kind == '['})
		f.inValue = t.kind == '['
	case t.kind == '}', t.kind == '>', t.kind == ']':
		if last := len(f.open) - 1; last >= 0 {
			f.name, f.open = f.open[last].field, f.open[:last]
		}
		f.inValue = f.inList()
	case t.kind == ':', t.kind == tokenWord && string(f.text[t.start:t.end]) == "-":
		// The value follows. White space may separate a sign from its number.
	default:
		f.inValue = f.inList()
	}
	f.at = t.end
	return t, isName
}

func (f *fieldScanner) inList() bool { return len(f.open) > 0 && f.open[len(f.open)-1].list }

// path returns the path of the last field name, such as "instance_group.kind".
func (f *fieldScanner) path() string {
	var path []string
	for _, b := range f.open {
		if !b.list {
			path = append(path, b.field)
		}
	}
	return strings.Join(append(path, f.name), ".")
}

// fieldAt returns the path of the field whose name or value is at an offset of text.
func fieldAt(text []byte, offset int) string {
	f := fieldScanner{text: text}
	for {
		t := nextToken(text, f.at)
		if t.start >= offset && (f.inValue || t.start > offset) {
			return f.path()
		}
		if t, _ := f.next(); t.kind == tokenEnd || t.start >= offset {
			return f.path()
		}
	}
}

// fieldOffsets returns the offsets, at least from, of the names of fields with that path.
func fieldOffsets(text []byte, path string, from int) []int {
	f := fieldScanner{text: text}
	last := path[strings.LastIndexByte(path, '.')+1:]
	var offsets []int
	for {
		t, isName := f.next()
		if t.kind == tokenEnd {
			return offsets
		}
		if isName && t.start >= from && strings.HasSuffix(f.name, last) && f.path() == path {
			offsets = append(offsets, t.start)
		}
	}
}
