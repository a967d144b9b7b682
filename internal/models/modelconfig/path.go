package modelconfig

import "strings"

// fields walks the names of the fields in protobuf text. What it says of a text that
// prototext refuses holds up to the place of the error.
type fields struct {
	text []byte
	at   int
	// open are the brackets around at, each with the field whose value it opens.
	open []bracket
	// name is the field that was named last in them.
	name string
	// named says that its value has yet to come, so that a word is no name.
	named bool
}

type bracket struct {
	field string
	list  bool
}

// next passes over a token and returns it; isName says that it is the name of a
// field. It stays before what is no token.
func (f *fields) next() (t token, isName bool) {
	t = nextToken(f.text, f.at)
	switch {
	case t.kind == tokenEnd, t.kind == tokenBroken:
		return token{tokenEnd, t.start, t.start}, false
	case !f.named && t.kind == '[': // the name of an extension
		end, bad := skipBrackets(f.text, t)
		if bad != nil {
			return token{tokenEnd, t.start, t.start}, false
		}
		t.end = end
		fallthrough
	case !f.named && t.kind == tokenWord:
		f.name, f.named, isName = string(f.text[t.start:t.end]), true, true
	case closing[t.kind] != 0:
		f.open = append(f.open, bracket{f.name, t.kind == '['})
		f.named = t.kind == '['
	case t.kind == '}', t.kind == '>', t.kind == ']':
		if last := len(f.open) - 1; last >= 0 {
			f.name, f.open = f.open[last].field, f.open[:last]
		}
		f.named = f.inList()
	case t.kind == ':', t.kind == tokenWord && string(f.text[t.start:t.end]) == "-":
		// The value follows; a sign may stand apart from its number.
	default:
		f.named = f.inList()
	}
	f.at = t.end
	return t, isName
}

func (f *fields) inList() bool { return len(f.open) > 0 && f.open[len(f.open)-1].list }

// path returns the path of the field that was named last, such as
// "instance_group.kind".
func (f *fields) path() string {
	var path []string
	for _, b := range f.open {
		if !b.list {
			path = append(path, b.field)
		}
	}
	return strings.Join(append(path, f.name), ".")
}

// fieldAt returns the path of the field that is named at an offset of text, or whose
// value is there.
func fieldAt(text []byte, offset int) string {
	f := fields{text: text}
	for {
		t := nextToken(text, f.at)
		if t.start >= offset && (f.named || t.start > offset) {
			return f.path()
		}
		if t, _ := f.next(); t.kind == tokenEnd || t.start >= offset {
			return f.path()
		}
	}
}

// fieldsCalled returns the offsets from an offset on of the names of the fields of
// that path.
func fieldsCalled(text []byte, path string, from int) []int {
	f := fields{text: text}
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
