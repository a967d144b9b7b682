package messagejson

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
)

// Unmarshal decodes text into m as options.Unmarshal does, with the same result and errors. large
// are the large values of text that [decoded.Plan.JSON] found. m does not alias text. allocate
// returns n bytes for a large bytes value, which m aliases; nil: they are the garbage collector's.
func Unmarshal(text []byte, large []decoded.Large, m proto.Message, options protojson.UnmarshalOptions, allocate func(n int) []byte) error {
	if allocate == nil {
		allocate = func(n int) []byte { return make([]byte, n) }
	}
	readers := make([]reader, 0, len(large))
	for i := range large {
		value := &large[i]
		switch {
		case value.Field.Kind() == protoreflect.BytesKind:
			readers = append(readers, reader{value, func(to protoreflect.Message, text []byte) bool { return readBytes(to, value, text, allocate) }})
		case plain(value, text):
			readers = append(readers, reader{value, func(to protoreflect.Message, text []byte) bool { return readNumbers(to, value, text) }})
		}
	}
	if len(readers) == 0 || !unmarshal(text, readers, m, options) {
		return options.Unmarshal(text, m)
	}
	return nil
}

// reader reads one large value.
type reader struct {
	*decoded.Large
	// read sets the value in its message. It reports false where protojson has to read it.
	read func(to protoreflect.Message, text []byte) bool
}

// unmarshal decodes text without its large values, and then these. Where it reports false, m has
// some of the fields.
func unmarshal(text []byte, readers []reader, m proto.Message, options protojson.UnmarshalOptions) bool {
	size := len(text)
	for _, r := range readers {
		size -= r.End - r.Begin - len(`""`)
	}
	rest, at := bufpool.Get(size)[:0], 0
	defer func() { bufpool.Put(rest) }() // protojson copies what it keeps
	for _, r := range readers {
		rest = append(append(rest, text[at:r.Begin]...), text[r.Begin], text[r.End-1])
		at = r.End
	}
	rest = append(rest, text[at:]...)
	if options.Unmarshal(rest, m) != nil {
		return false
	}
	for _, r := range readers {
		to, ok := follow(m.ProtoReflect(), r.Path)
		if !ok || !r.read(to, text[r.Begin:r.End]) {
			return false
		}
	}
	return true
}

// follow returns the message at the end of a path.
func follow(m protoreflect.Message, path []decoded.Step) (protoreflect.Message, bool) {
	for _, step := range path {
		switch {
		case !m.Has(step.Field):
			return nil, false
		case step.Index < 0:
			m = m.Mutable(step.Field).Message()
		default:
			list := m.Mutable(step.Field).List()
			if step.Index >= list.Len() {
				return nil, false
			}
			m = list.Get(step.Index).Message()
		}
	}
	return m, true
}
