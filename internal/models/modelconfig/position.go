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

// maxFault bounds the text of an error that quotes the configuration, in bytes.
const maxFault = 300

// fault is an error at a place of a text. Line and column count from 1, columns in
// characters.
type fault struct {
	line, column int
	// syntax says that the text is no text of its format, whatever its fields are.
	syntax  bool
	message string
}

// Error returns the place and what is wrong there, in one line of valid UTF-8, since
// it ends in messages of the protocol.
func (f *fault) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", f.line, f.column, oneLine(f.message))
}

// oneLine returns s without control characters and invalid UTF-8, cut to maxFault.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > maxFault {
		s = strings.ToValidUTF8(s[:maxFault], "") + "..."
	}
	return s
}

// faultAt returns a fault at an offset of text.
func faultAt(text []byte, offset int, format string, args ...any) *fault {
	line, column := lineColumn(text, offset)
	return &fault{line: line, column: column, message: fmt.Sprintf(format, args...)}
}

// lineColumn returns the place of an offset of text.
func lineColumn(text []byte, offset int) (line, column int) {
	before := text[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(before[start:]) + 1
}

// offset returns where in text the fault is, at most text's length.
func (f *fault) offset(text []byte) int {
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

// place finds the place in the text of an error of prototext or protojson, which give
// it there alone.
var place = regexp.MustCompile(`(?s)^(syntax error )?\(line (\d+):(\d+)\): (.*)$`)

// locate returns an error of prototext or protojson as a fault, without the
// library's prefix, which varies on purpose between a space and a no-break space. The
// errors without a place are those of a text that ends early.
func locate(err error, text []byte) *fault {
	message := err.Error()
	if rest, ok := strings.CutPrefix(message, "proto:"); ok {
		message = strings.TrimLeftFunc(rest, unicode.IsSpace)
	}
	m := place.FindStringSubmatch(message)
	if m == nil {
		f := faultAt(text, len(text), "%s", message)
		f.syntax = true
		if strings.HasSuffix(message, "unexpected EOF") {
			f.message = "the text ends early: a value or a closing bracket is missing"
		}
		return f
	}
	line, lineErr := strconv.Atoi(m[2])
	column, columnErr := strconv.Atoi(m[3])
	if err := errors.Join(lineErr, columnErr); err != nil {
		line, column = 1, 1
	}
	return &fault{line: line, column: column, syntax: m[1] != "", message: m[4]}
}
