package repository

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeText returns the text of a file in UTF-8, in UTF-16 with a byte order mark, as some
// editors of Windows write it, or else in Latin-1. latin1 reports the latter.
func decodeText(content []byte) (text string, latin1 bool) {
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		return fromUTF16(content[2:], binary.LittleEndian), false
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		return fromUTF16(content[2:], binary.BigEndian), false
	case utf8.Valid(content):
		return strings.TrimPrefix(string(content), "\ufeff"), false
	}
	var b strings.Builder
	b.Grow(len(content) + len(content)/8)
	for _, c := range content {
		b.WriteRune(rune(c))
	}
	return b.String(), true
}

func fromUTF16(content []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = order.Uint16(content[2*i:])
	}
	return string(utf16.Decode(units))
}

// plainJSON returns content as JSON in UTF-8. Python's json module also writes NaN,
// Infinity and -Infinity, which JSON does not have; they become null.
func plainJSON(content []byte) []byte {
	text, _ := decodeText(content)
	if !strings.Contains(text, "NaN") && !strings.Contains(text, "Infinity") {
		return []byte(text)
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		n, number := nextToken(text)
		if number {
			plain = append(plain, "null"...)
		} else {
			plain = append(plain, text[:n]...)
		}
		text = text[n:]
	}
	return plain
}

// nextToken returns the length of a string or of one of Python's numbers at the beginning
// of text, else 1. number reports one of the numbers.
func nextToken(text string) (n int, number bool) {
	for _, name := range []string{"NaN", "Infinity", "-Infinity"} {
		if strings.HasPrefix(text, name) {
			return len(name), true
		}
	}
	if text[0] != '"' {
		return 1, false
	}
	for n = 1; n < len(text); n++ {
		switch text[n] {
		case '\\':
			n++
		case '"':
			return n + 1, false
		}
	}
	return len(text), false
}
