package tensorjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

const (
	controls    = 0x20 * eachByte
	quotes      = '"' * eachByte
	backslashes = '\\' * eachByte
)

// stringEnd returns the position behind the string whose opening quote is at p, and
// whether it has escapes.
func stringEnd(text []byte, p int) (next int, escaped bool, f *flaw) {
	start := p + 1
	ascii := true
	for p = start; ; {
		for len(text)-p >= 8 {
			chars := load((*[8]byte)(text[p:]))
			// A byte's high bit is set where a subtraction borrows. That can make bytes
			// behind the first such one wrong, so that the loop below looks again.
			special := (chars-controls)&^chars | (chars^quotes-eachByte)&^(chars^quotes) | (chars^backslashes-eachByte)&^(chars^backslashes)
			if (special|chars)&highBits != 0 {
				if special&highBits != 0 {
					break
				}
				ascii = false
			}
			p += 8
		}
		for p < len(text) && text[p] != '"' && text[p] != '\\' && text[p] >= ' ' {
			ascii = ascii && text[p] < utf8.RuneSelf
			p++
		}
		switch {
		case p >= len(text):
			return p, escaped, flawf(p, "it ends within a string")
		case text[p] == '"':
			if !ascii && !utf8.Valid(text[start:p]) {
				return p, escaped, utf8Flaw(text, start)
			}
			return p + 1, escaped, nil
		case text[p] != '\\':
			return p, escaped, flawf(p, "a control character, %#02x, in a string must be written as an escape", text[p])
		}
		escaped = true
		_, size, f := escape(text, p)
		if f != nil {
			return p, escaped, f
		}
		p += size
	}
}

// escape returns the character that the escape at p stands for, and the escape's
// length.
func escape(text []byte, p int) (r rune, size int, f *flaw) {
	if p+1 >= len(text) {
		return 0, 0, flawf(p+1, "it ends within a string")
	}
	switch c := text[p+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
	default:
		return 0, 0, flawf(p, "there is no escape of %s", quoteAt(text, p+1))
	}
	r, ok := fourHex(text, p+2)
	if !ok {
		return 0, 0, flawf(p, "\\u takes four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	if hasWord(text, p+6, `\u`) {
		if low, ok := fourHex(text, p+8); ok {
			if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, 12, nil
			}
		}
	}
	return 0, 0, flawf(p, "\\u%04x is half of a surrogate pair", r)
}

func fourHex(text []byte, p int) (r rune, ok bool) {
	if len(text)-p < 4 {
		return 0, false
	}
	for _, c := range text[p : p+4] {
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendUnescaped appends what a string stands for. raw is what is between its
// quotes, as stringEnd accepts it.
func appendUnescaped(dst, raw []byte) []byte {
	for p := 0; p < len(raw); {
		start := p
		for p < len(raw) && raw[p] != '\\' {
			p++
		}
		dst = append(dst, raw[start:p]...)
		if p < len(raw) {
			r, size, _ := escape(raw, p)
			dst = utf8.AppendRune(dst, r)
			p += size
		}
	}
	return dst
}

func utf8Flaw(text []byte, p int) *flaw {
	for p < len(text) {
		r, size := utf8.DecodeRune(text[p:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		p += size
	}
	return flawf(p, "the byte %#02x is no UTF-8", text[p])
}
