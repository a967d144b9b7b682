package modelconfig

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage limits a message that quotes the configuration, in bytes.
const maxMessage = 300

// textError is an error at a position of a text. Line and column count from 1, columns in
// characters.
type textError struct {
	line, column int
	// syntax reports an error in the text's syntax, independent of the message's fields.
	syntax  bool
	message string
}

// Error returns the position and the message, in one line of valid UTF-8, as protocol
// messages require.
func (f *textError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", f.line, f.column, oneLine(f.message))
}

// oneLine replaces control characters and invalid UTF-8 in s, and truncates it to
// maxMessage.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage], "") + "..."
	}
	return s
}

// errorAt returns an error at an offset of text.
func errorAt(text []byte, offset int, format string, args ...any) *textError {
	line, column := lineColumn(text, offset)
	return &textError{line: line, column: column, message: fmt.Sprintf(format, args...)}
}

// lineColumn returns the position of an offset of text.
func lineColumn(text []byte, offset int) (line, column int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// offset returns the error's offset in text, at most its length.
func (f *textError) offset(text []byte) int {
	at := 0
	for range f.line - 1 {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			return len(text)
		}
		at += end + 1
	}
	for range f.column - 1 {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// errorPosition matches the position in an error of prototext or protojson, which report
// it only in their text.
var errorPosition = regexp.MustCompile(`(?s)^(syntax error )?\(line (\d+):(\d+)\): (.*)$`)

// locate converts an error of prototext or protojson, without the library's prefix. The
// library alternates between a space and a no-break space in it, on purpose. Errors
// without a position report an unexpected end.
func locate(err error, text []byte) *textError {
	message := err.Error()
	if rest, ok := strings.CutPrefix(message, "proto:"); ok {
		message = strings.TrimLeftFunc(rest, unicode.IsSpace)
	}
	m := errorPosition.FindStringSubmatch(message)
	if m == nil {
		f := errorAt(text, len(text), "%s", message)
		f.syntax = true
		if strings.HasSuffix(message, "unexpected EOF") {
			f.message = "unexpected end of text: a value or a closing bracket is missing"
		}
		return f
	}
	line, lineErr := strconv.Atoi(m[2])
	column, columnErr := strconv.Atoi(m[3])
	if err := errors.Join(lineErr, columnErr); err != nil {
		line, column = 1, 1
	}
	return &textError{line: line, column: column, syntax: m[1] != "", message: m[4]}
}
