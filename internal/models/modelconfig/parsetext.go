package modelconfig

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// maxUnknown limits the number of different paths of unknown fields: each costs another
// pass over the text.
const maxUnknown = 32

// unmarshalText reads protobuf text. It skips unknown fields, and returns each as an error
// with its position. prototext could discard them itself, but would not report them. So
// unmarshalText overwrites each with spaces in a copy, where every other byte keeps its
// position, and parses the copy again.
func unmarshalText(text []byte) (config *inference.ModelConfig, unknown []*textError, bad *textError) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark, which some editors write
	rest := slices.Clone(text)
	for paths := 0; ; paths++ {
		config = &inference.ModelConfig{}
		err := prototext.Unmarshal(rest, config)
		if err == nil {
			slices.SortFunc(unknown, func(a, b *textError) int { return cmp.Or(a.line-b.line, a.column-b.column) })
			return config, unknown, nil
		}
		f := locate(err, rest)
		at := f.offset(rest)
		f.line, f.column = lineColumn(text, at)
		path := fieldAt(rest, at)
		if f.syntax || !strings.HasPrefix(f.message, "unknown ") {
			explain(f, path)
			return nil, nil, f
		}
		if paths == maxUnknown {
			f.message = fmt.Sprintf("unknown field %s, after %d other unknown ones: check that the file is a model configuration", path, maxUnknown)
			return nil, nil, f
		}
		found, bad := eraseField(rest, text, path, at)
		if bad != nil {
			return nil, nil, bad
		}
		unknown = append(unknown, found...)
	}
}

// eraseField overwrites the field at an offset of rest, a copy of text, with spaces, and
// all later fields with the same path. It returns an error with the position of each.
func eraseField(rest, text []byte, path string, from int) (unknown []*textError, bad *textError) {
	for _, at := range append([]int{from}, fieldOffsets(rest, path, from+1)...) {
		end, bad := skipField(rest, at)
		if bad != nil {
			return nil, bad
		}
		unknown = append(unknown, errorAt(text, at, "unknown field %s is ignored", path))
		for i, c := range rest[at:end] {
			if c != '\n' {
				rest[at+i] = ' '
			}
		}
	}
	return unknown, nil
}

// explain rewrites an error of prototext with the path of its field and the accepted
// values. It keeps messages that it does not know.
func explain(f *textError, path string) {
	_, found, _ := strings.Cut(f.message, ": ")
	found = strings.TrimSpace(found)
	fd := fieldOf(path)
	is := func(start string) bool { return strings.HasPrefix(f.message, start) }
	ends := func(end string) bool { return strings.HasSuffix(f.message, end) }
	switch {
	case is("unexpected token: "):
		f.message = "unexpected " + found
	case is("invalid character '\\n' in string"):
		f.message = "the quoted text does not end on its line"
	case is("missing field separator"):
		f.message = fmt.Sprintf("missing ':' after %s", path)
	case is("cannot specify field by number"):
		f.message = fmt.Sprintf("found the number %s instead of a field name", found)
	case ends("invalid UTF-8"), is("invalid UTF-8"):
		f.message = fmt.Sprintf("%s is not UTF-8 text", path)
	case ends("is repeated"), ends("cannot be repeated"):
		f.message = fmt.Sprintf("%s is set twice", path)
	case fd != nil && is("invalid value for "):
		f.message = fmt.Sprintf("%s is %s: it takes %s", path, found, acceptedValues(fd))
	case fd != nil && fd.ContainingOneof() != nil && ends("is already set"):
		f.message = fmt.Sprintf("%s is set, but only one of %s is allowed: remove the others", path, joinNames(fd.ContainingOneof().Fields()))
	}
}

// fieldOf returns the field of ModelConfig with that path, nil when there is none.
func fieldOf(path string) protoreflect.FieldDescriptor {
	message := (*inference.ModelConfig)(nil).ProtoReflect().Descriptor()
	var fd protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil
		}
		if fd = message.Fields().ByTextName(name); fd == nil {
			return nil
		}
		message = fd.Message()
	}
	return fd
}

// acceptedValues describes the values of a field.
func acceptedValues(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		return "one of " + joinNames(fd.Enum().Values())
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "a string in quotes"
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return fmt.Sprintf("an integer from 0 (%v)", fd.Kind())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return fmt.Sprintf("an integer (%v)", fd.Kind())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	default:
		return "a " + fd.Kind().String()
	}
}

// joinNames lists the names of enum values or of fields, without those that end in
// _INVALID.
func joinNames[D protoreflect.Descriptor](list interface {
	Len() int
	Get(i int) D
},
) string {
	var all []string
	for i := range list.Len() {
		if name := string(list.Get(i).Name()); !strings.HasSuffix(name, "_INVALID") {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
