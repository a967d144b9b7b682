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

// stringEnd returns the position after the string that opens at p, and whether it has
// escapes.
func stringEnd(text []byte, p int) (next int, escaped bool, f *syntaxError) {
	start := p + 1
	ascii := true
	for p = start; ; {
		for len(text)-p >= 8 {
			chars := load((*[8]byte)(text[p:]))
			// A subtraction that borrows sets a byte's high bit. That can corrupt bytes
			// after the first such byte, so the loop below checks one by one.
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
			return p, escaped, syntaxErrorf(p, "unexpected end within a string")
		case text[p] == '"':
			if !ascii && !utf8.Valid(text[start:p]) {
				return p, escaped, utf8Error(text, start)
			}
			return p + 1, escaped, nil
		case text[p] != '\\':
			return p, escaped, syntaxErrorf(p, "the control character %#02x must be escaped in a string", text[p])
		}
		escaped = true
		_, size, f := escape(text, p)
		if f != nil {
			return p, escaped, f
		}
		p += size
	}
}

// escape decodes the escape at p and returns its character and length.
func escape(text []byte, p int) (r rune, size int, f *syntaxError) {
	if p+1 >= len(text) {
		return 0, 0, syntaxErrorf(p+1, "unexpected end within a string")
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
		return 0, 0, syntaxErrorf(p, "found a backslash before %s, which is not an escape", quoteAt(text, p+1))
	}
	r, ok := fourHex(text, p+2)
	if !ok {
		return 0, 0, syntaxErrorf(p, "\\u needs four hexadecimal digits")
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	if hasLiteral(text, p+6, `\u`) {
		if low, ok := fourHex(text, p+8); ok {
			if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, 12, nil
			}
		}
	}
	return 0, 0, syntaxErrorf(p, "\\u%04x is half of a surrogate pair", r)
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

// appendUnescaped appends the decoded string. raw is the text between its quotes, which
// stringEnd has accepted.
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

func utf8Error(text []byte, p int) *syntaxError {
	for p < len(text) {
		r, size := utf8.DecodeRune(text[p:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		p += size
	}
	return syntaxErrorf(p, "the byte %#02x is not valid UTF-8", text[p])
}
