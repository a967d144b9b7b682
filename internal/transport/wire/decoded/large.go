package decoded

import (
	"bytes"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// largeBytes is the size of the text from which a value is large: below it, protojson is as
// fast as treating a value separately.
const largeBytes = 2 << 10

// Large is a large value in the JSON of a message: the numbers of a list, or the base64 of
// bytes. It is not in a map.
type Large struct {
	// Path leads from the message to the one that has the field.
	Path []Step
	// Field is the value's: a list of numbers, bytes, or a list of bytes.
	Field protoreflect.FieldDescriptor
	// Index is the value's in a list of bytes, else -1.
	Index int
	// Begin and End bound the value in the text, with its brackets or quotes.
	Begin, End int
	// Elements is the number of elements of a list of numbers, if the text is well-formed.
	Elements int
}

// Step leads from a message to one in it.
type Step struct {
	Field protoreflect.FieldDescriptor
	// Index is the message's in a list, else -1.
	Index int
}

// single is the index of a value that is not in a list.
const single = -1

// numbers passes an array of numbers and returns what is between its brackets. It returns nil
// where the array is short, or has more than numbers, or its end is missing.
func (c *jsonCounter) numbers(f *field) []byte {
	if f.kind != numeric {
		return nil
	}
	rest := c.text[c.at+1:]
	end := bytes.IndexByte(rest, ']')
	if end < largeBytes {
		return nil
	}
	body := rest[:end]
	for _, other := range []byte(`"[{`) {
		if bytes.IndexByte(body, other) >= 0 {
			return nil
		}
	}
	c.at += len(body) + 2
	return body
}

// count counts an array of numbers that numbers has passed.
func (c *jsonCounter) count(f *field, found counts, body []byte) *limitError {
	n := int64(bytes.Count(body, []byte(","))) + 1
	if err := found.add(f, n, &c.total); err != nil {
		return err
	}
	c.Memory += n * growing(f.width)
	// Package messagejson parses the numbers in a buffer, and a text that it does not read to its
	// end, once more.
	c.Passing += 2*n*f.width + varintBytes(f, body)
	c.found(f, single, c.at-len(body)-2)
	if at := len(c.large) - 1; at >= 0 && c.large[at].End == c.at {
		c.large[at].Elements = int(n)
	}
	return nil
}

// varintBytes bounds what the integers of a list take in the packed encoding, through which package
// messagejson sets them, beyond a byte for each. A digit takes less than half a byte, and a negative
// number ten.
func varintBytes(f *field, body []byte) int64 {
	if f.wire != protowire.VarintType {
		return 0
	}
	return int64(len(body)/2 + 10*bytes.Count(body, []byte("-")))
}

// found adds the value of f that begins at begin and ends here, if it is large.
func (c *jsonCounter) found(f *field, index, begin int) {
	if c.at-begin < largeBytes || c.maps > 0 || f.bytes && c.text[begin] != '"' {
		return
	}
	c.large = append(c.large, Large{Path: append([]Step(nil), c.path...), Field: f.descriptor, Index: index, Begin: begin, End: c.at})
}
