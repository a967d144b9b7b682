package modelconfig

import "bytes"

// maxNesting bounds how deep the value of a field that is unknown may nest. The
// fields of ModelConfig nest seven deep.
const maxNesting = 100

// token is a token of protobuf text. Its kind is the character of a bracket or a
// separator, or one of the constants.
type token struct {
	kind       byte
	start, end int
}

const (
	tokenEnd    byte = 0
	tokenWord   byte = 'w' // a name, a number, or any other run of characters
	tokenString byte = 's'
	tokenBroken byte = '!' // a string that does not end in its line
)

// nextToken returns the token of text at an offset or after it, passing over white
// space and comments. It is more lenient than prototext: it has to find where the
// values of unknown fields end, and the place of errors that prototext found.
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
		return token{tokenBroken, at, at + 1}
	default:
		end := bytes.IndexAny(text[at:], " \t\r\n#{}<>[]:,;\"'")
		if end < 0 {
			end = len(text) - at
		}
		return token{tokenWord, at, at + end}
	}
}

// closing has the bracket that closes each.
var closing = map[byte]byte{'{': '}', '<': '>', '[': ']'}

// skipField returns where the field whose name is at an offset ends: after its value,
// and after the separator that may follow.
func skipField(text []byte, at int) (end int, bad *fault) {
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
	case closing[value.kind] != 0:
		if end, bad = skipBrackets(text, value); bad != nil {
			return 0, bad
		}
	case !colon:
		return 0, faultAt(text, value.start, "a : is missing before the value of %s", text[name.start:end])
	case value.kind == tokenWord:
		end = value.end
		if string(text[value.start:value.end]) == "-" {
			end = nextToken(text, end).end
		}
	case value.kind == tokenString: // strings side by side are one
		for value.kind == tokenString {
			end = value.end
			value = nextToken(text, end)
		}
	case value.kind == tokenBroken:
		return 0, faultAt(text, value.start, "the text in quotes does not end")
	default:
		return 0, faultAt(text, value.start, "%s has no value", text[name.start:end])
	}
	if separator := nextToken(text, end); separator.kind == ',' || separator.kind == ';' {
		end = separator.end
	}
	return end, nil
}

// skipBrackets returns where the bracket that open opens is closed.
func skipBrackets(text []byte, open token) (end int, bad *fault) {
	stack := []byte{closing[open.kind]}
	for t := open; len(stack) > 0; {
		t = nextToken(text, t.end)
		switch {
		case t.kind == tokenEnd:
			return 0, faultAt(text, open.start, "%c is not closed: a %c is missing", open.kind, closing[open.kind])
		case t.kind == tokenBroken:
			return 0, faultAt(text, t.start, "the text in quotes does not end")
		case closing[t.kind] != 0:
			if len(stack) == maxNesting {
				return 0, faultAt(text, t.start, "brackets nest more than %d deep", maxNesting)
			}
			stack = append(stack, closing[t.kind])
		case t.kind == '}' || t.kind == '>' || t.kind == ']':
			if want := stack[len(stack)-1]; t.kind != want {
				return 0, faultAt(text, t.start, "found %c where a %c belongs", t.kind, want)
			}
			stack = stack[:len(stack)-1]
		}
		end = t.end
	}
	return end, nil
}
