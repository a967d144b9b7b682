package server

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// encodedSize returns the size of text in grpc-message.
func encodedSize(text string) (n int) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '%' {
			n += 2
		}
		n++
	}
	return n
}

func TestLongErrorTextsAreCut(t *testing.T) {
	for name, text := range map[string]string{
		"ASCII": strings.Repeat("a", 5000), "percent": strings.Repeat("%", 5000), "two bytes": strings.Repeat("ü", 5000),
		"four bytes": strings.Repeat("\U0001F600", 5000), "no UTF-8": strings.Repeat("\xff", 5000), "just above": strings.Repeat("a", maxErrorText+1),
	} {
		cut := cutText(text)
		kept, ok := strings.CutSuffix(cut, "…")
		if !ok || !strings.HasPrefix(text, kept) || encodedSize(cut) > maxErrorText || encodedSize(cut) < maxErrorText-24 {
			t.Errorf("%s: %d bytes are left, encoded %d", name, len(cut), encodedSize(cut))
		}
		if utf8.ValidString(text) && !utf8.ValidString(cut) {
			t.Errorf("%s: a character is cut", name)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("a", maxErrorText), strings.Repeat("%", maxErrorText/3)} {
		if cutText(text) != text {
			t.Errorf("%d bytes are cut", len(text))
		}
	}
}
