package decoded

import (
	"fmt"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// The limits of a request, on every protocol.
const (
	// MaxEntries bounds the entries of one field: the messages or texts of a list, or the
	// entries of a map, such as the inputs of a request or the parameters of an input.
	MaxEntries = 4096
	// MaxTotal bounds the entries of all fields of a request together.
	MaxTotal = 4 * MaxEntries
	// MaxDimensions bounds the dimensions of a shape.
	MaxDimensions = tensorjson.MaxRank
	// MaxDepth bounds how deep messages, or objects and arrays of JSON, are nested.
	MaxDepth = tensorjson.MaxDepth
)

// What decoded values take in memory, in bytes.
const (
	// messageBytes is a message without its fields, and fieldBytes each field of it: a slice,
	// or what the allocator rounds up.
	messageBytes, fieldBytes = 48, 24
	// entryBytes is an entry of a map besides its key and value.
	entryBytes = 100
	// choiceBytes is the value of a oneof.
	choiceBytes = 16
	// textBytes is a string or a bytes value besides its content.
	textBytes = 24
	// prefixBytes is the length before an element of BYTES in a tensor's memory, to which
	// the elements are copied.
	prefixBytes = 4
)

// growing returns what a list takes that grows to n bytes: the list has a quarter more capacity,
// and the previous list is garbage while it is copied.
func growing(n int64) int64 { return n * 9 / 4 }

// limitError is the error of a message that exceeds a limit. Its text is for the client.
type limitError struct {
	path  string // of the field, from the message; empty: the limit is of the whole message
	limit int64
	what  string // what the limit counts
}

func (e *limitError) Error() string {
	if e.path == "" {
		return fmt.Sprintf("the message has more than %d %s: send fewer", e.limit, e.what)
	}
	return fmt.Sprintf("%s has more than %d %s: send fewer", e.path, e.limit, e.what)
}

// within returns the error for the message that has the message at an index of field.
func (e *limitError) within(field *field, index int64) *limitError {
	if e.path == "" {
		return e
	}
	path := field.name
	inner := e.path
	switch {
	case field.kind == entry:
		inner = strings.TrimPrefix(inner, "value.")
	case field.list:
		path = fmt.Sprintf("%s[%d]", path, index)
	}
	return &limitError{path + "." + inner, e.limit, e.what}
}

// errTotal returns the error of a message with more entries than MaxTotal.
func errTotal() *limitError {
	return &limitError{limit: MaxTotal, what: "entries in its lists and maps together"}
}

// errDepth returns the error of a message that is nested deeper than MaxDepth.
func errDepth() *limitError { return &limitError{limit: MaxDepth, what: "levels of nesting"} }

// counts are the entries of each field of one message.
type counts []int64

// add counts n entries of a field. total is the sum over all messages.
func (c counts) add(f *field, n int64, total *int64) *limitError {
	if f.limit == 0 {
		return nil
	}
	c[f.index] += n
	if f.limit == MaxDimensions {
		if c[f.index] > f.limit {
			return &limitError{f.name, f.limit, "dimensions"}
		}
		return nil
	}
	*total += n
	switch {
	case c[f.index] > f.limit:
		return &limitError{f.name, f.limit, "entries"}
	case *total > MaxTotal:
		return errTotal()
	}
	return nil
}
