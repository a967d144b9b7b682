package modelconfig

import "bytes"

// maxNesting limits the nesting in the value of an unknown field. The fields of
// ModelConfig nest seven deep.
const maxNesting = 100

// token is a token of protobuf text. Its kind is a bracket or separator character, or one
// of the constants.
type token struct {
	kind       byte
	start, end int
}

const (
	tokenEnd          byte = 0
	tokenWord         byte = 'w' // a name, a number, or any other run of characters
	tokenString       byte = 's'
	tokenUnterminated byte = '!' // a string that does not end on its line
)

// nextToken returns the first token of text at or after an offset. It skips white space
// and comments. It accepts more than prototext: it only needs to find the end of unknown
// fields, and the field at the position of an error.
func nextToken(text []byte, at int) token {
	for at < len(text) {
		switch text[at] {
		case ' ', '\t', '\r', '\n':
			at++
			continue
		case '#':
			end := bytes.IndexByte(text[at:], '\n')
			if end < 0 {
				return token{tokenEnd, len(text), len(text)}
			}
			at += end + 1
			continue
		}
		break
	}
	if at == len(text) {
		return token{tokenEnd, at, at}
	}
	switch c := text[at]; c {
	case '{', '}', '<', '>', '[', ']', ':', ',', ';':
		return token{c, at, at + 1}
	case '"', '\'':
		for end := at + 1; end < len(text) && text[end] != '\n'; end++ {
			switch text[end] {
			case c:
				return token{tokenString, at, end + 1}
			case '\\':
				end++
			}
		}
		return token{tokenUnterminated, at, at + 1}
	default:
		end := bytes.IndexAny(text[at:], " \t\r\n#{}<>[]:,;\"'")
		if end < 0 {
			end = len(text) - at
		}
		return token{tokenWord, at, at + end}
	}
}

// closingBracket maps an opening bracket to its closing one.
var closingBracket = map[byte]byte{'{': '}', '<': '>', '[': ']'}

// skipField returns the end of the field whose name is at an offset: after its value and
// an optional separator.
func skipField(text []byte, at int) (end int, bad *textError) {
	name := nextToken(text, at)
	end = name.end
	if name.kind == '[' { // the name of an extension
		if end, bad = skipBrackets(text, name); bad != nil {
			return 0, bad
		}
	}
	value := nextToken(text, end)
	colon := value.kind == ':'
	if colon {
		value = nextToken(text, value.end)
	}
	switch {
	case closingBracket[value.kind] != 0:
		if end, bad = skipBrackets(text, value); bad != nil {
			return 0, bad
		}
	case !colon:
		return 0, errorAt(text, value.start, "missing ':' before the value of %s", text[name.start:end])
	case value.kind == tokenWord:
		end = value.end
		if string(text[value.start:value.end]) == "-" {
			end = nextToken(text, end).end
		}
	case value.kind == tokenString: // adjacent strings are one value
		for value.kind == tokenString {
			end = value.end
			value = nextToken(text, end)
		}
	case value.kind == tokenUnterminated:
		return 0, errorAt(text, value.start, "the quoted text does not end")
	default:
		return 0, errorAt(text, value.start, "%s has no value", text[name.start:end])
	}
	if separator := nextToken(text, end); separator.kind == ',' || separator.kind == ';' {
		end = separator.end
	}
	return end, nil
}

// skipBrackets returns the end of the bracket that closes open.
func skipBrackets(text []byte, open token) (end int, bad *textError) {
	stack := []byte{closingBracket[open.kind]}
	for t := open; len(stack) > 0; {
		t = nextToken(text, t.end)
		switch {
		case t.kind == tokenEnd:
			return 0, errorAt(text, open.start, "missing '%[2]c' for this '%[1]c'", open.kind, closingBracket[open.kind])
		case t.kind == tokenUnterminated:
			return 0, errorAt(text, t.start, "the quoted text does not end")
		case closingBracket[t.kind] != 0:
			if len(stack) == maxNesting {
				return 0, errorAt(text, t.start, "brackets nest more than %d deep", maxNesting)
			}
			stack = append(stack, closingBracket[t.kind])
		case t.kind == '}' || t.kind == '>' || t.kind == ']':
			if want := stack[len(stack)-1]; t.kind != want {
				return 0, errorAt(text, t.start, "found '%c' instead of '%c'", t.kind, want)
			}
			stack = stack[:len(stack)-1]
		}
		end = t.end
	}
	return end, nil
}
