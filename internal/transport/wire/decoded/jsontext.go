package decoded

import (
	"bytes"
	"encoding/json"
)

// string passes a string and returns it without its quotes.
func (c *jsonCounter) string() (content []byte, escaped, ok bool) {
	if c.peek() != '"' {
		return nil, false, false
	}
	rest := c.text[c.at+1:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil, false, false
	}
	for escape := bytes.IndexByte(rest[:end], '\\'); escape >= 0; {
		escaped = true
		after := min(escape+2, len(rest)) // the escaped character may be a quote
		if end < after {
			more := bytes.IndexByte(rest[after:], '"')
			if more < 0 {
				return nil, false, false
			}
			end = after + more
		}
		if escape = bytes.IndexByte(rest[after:end], '\\'); escape >= 0 {
			escape += after
		}
	}
	c.at += end + 2
	return rest[:end], escaped, true
}

// key passes a key and its colon.
func (c *jsonCounter) key() (key []byte, ok bool) {
	begin := c.at
	key, escaped, ok := c.string()
	if escaped && ok {
		var text string
		ok = json.Unmarshal(c.text[begin:c.at], &text) == nil
		key = []byte(text)
	}
	return key, ok && c.next(':')
}

// peek returns the next byte; 0 at the end.
func (c *jsonCounter) peek() byte {
	if c.at < len(c.text) {
		return c.text[c.at]
	}
	return 0
}

// next passes a byte and the spaces around it, and reports whether it is there.
func (c *jsonCounter) next(b byte) bool {
	c.space()
	if c.peek() != b {
		return false
	}
	c.at++
	c.space()
	return true
}

func (c *jsonCounter) space() {
	for c.at < len(c.text) && isSpace(c.text[c.at]) {
		c.at++
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// isDelimiter reports whether a number or a word ends before b.
func isDelimiter(b byte) bool {
	return b == ',' || b == ']' || b == '}' || b == ':' || isSpace(b)
}
