package tensorjson

import "unicode/utf8"

// escapes maps a character to what follows the backslash in its escape: its short form,
// or u if it has none. It is 0 for characters that need no escape.
var escapes = func() (table [utf8.RuneSelf]byte) {
	for c := range ' ' {
		table[c] = 'u'
	}
	table['\b'], table['\f'], table['\n'], table['\r'], table['\t'] = 'b', 'f', 'n', 'r', 't'
	table['"'], table['\\'] = '"', '\\'
	return table
}()

// AppendString appends s as a JSON string. Bytes that are not valid UTF-8 become U+FFFD,
// so that messages and names can always be sent.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for p := 0; p < len(s); {
		c := s[p]
		if c < utf8.RuneSelf {
			if escape := escapes[c]; escape != 0 {
				dst = append(append(dst, s[start:p]...), '\\', escape)
				if escape == 'u' {
					dst = append(dst, '0', '0', hex[c>>4], hex[c&0xf])
				}
				start = p + 1
			}
			p++
			continue
		}
		r, size := decodeRune(s[p:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:p]...), "\ufffd"...)
			start = p + 1
		}
		p += size
	}
	return append(append(dst, s[start:]...), '"')
}

func decodeRune[T string | []byte](s T) (rune, int) {
	// A rune has at most four bytes, so the conversion copies no more than that.
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}
