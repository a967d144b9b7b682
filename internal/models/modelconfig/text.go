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

// maxUnknown bounds how many fields of different paths may be unknown. A text with
// more is no configuration, and each costs another reading of it.
const maxUnknown = 32

// unmarshalText reads protobuf text. Fields whose names are in no message are passed
// over, and returned as faults. prototext could pass over them itself, but would not
// say which: so those that it refuses are blanked out in a copy, where every other
// byte keeps its place, and the copy is read again.
func unmarshalText(text []byte) (config *inference.ModelConfig, unknown []*fault, bad *fault) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin files so
	rest := slices.Clone(text)
	for paths := 0; ; paths++ {
		config = &inference.ModelConfig{}
		err := prototext.Unmarshal(rest, config)
		if err == nil {
			slices.SortFunc(unknown, func(a, b *fault) int { return cmp.Or(a.line-b.line, a.column-b.column) })
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
			f.message = fmt.Sprintf("%s is unknown, as are %d other fields: is this text a model's configuration?", path, maxUnknown)
			return nil, nil, f
		}
		found, bad := blank(rest, text, path, at)
		if bad != nil {
			return nil, nil, bad
		}
		unknown = append(unknown, found...)
	}
}

// blank blanks out in rest, a copy of text, the field at an offset and all after it of
// the same path, and returns a fault for each.
func blank(rest, text []byte, path string, from int) (unknown []*fault, bad *fault) {
	for _, at := range append([]int{from}, fieldsCalled(rest, path, from+1)...) {
		end, bad := skipField(rest, at)
		if bad != nil {
			return nil, bad
		}
		unknown = append(unknown, faultAt(text, at, "%s is an unknown field, and is not followed", path))
		for i, c := range rest[at:end] {
			if c != '\n' {
				rest[at+i] = ' '
			}
		}
	}
	return unknown, nil
}

// explain says in the terms of the field at that path what prototext found wrong. What
// it does not know it leaves as it is.
func explain(f *fault, path string) {
	_, found, _ := strings.Cut(f.message, ": ")
	found = strings.TrimSpace(found)
	fd := fieldOf(path)
	is := func(start string) bool { return strings.HasPrefix(f.message, start) }
	ends := func(end string) bool { return strings.HasSuffix(f.message, end) }
	switch {
	case is("unexpected token: "):
		f.message = "unexpected " + found
	case is("invalid character '\\n' in string"):
		f.message = "the text in quotes does not end in its line"
	case is("missing field separator"):
		f.message = fmt.Sprintf("a : is missing after %s", path)
	case is("cannot specify field by number"):
		f.message = fmt.Sprintf("found the number %s where the name of a field belongs", found)
	case ends("invalid UTF-8"), is("invalid UTF-8"):
		f.message = fmt.Sprintf("%s is not UTF-8 text", path)
	case ends("is repeated"), ends("cannot be repeated"):
		f.message = fmt.Sprintf("%s is given twice", path)
	case fd != nil && is("invalid value for "):
		f.message = fmt.Sprintf("%s is %s: it takes %s", path, found, takes(fd))
	case fd != nil && fd.ContainingOneof() != nil && ends("is already set"):
		f.message = fmt.Sprintf("%s is given beside another of %s: give one of them", path, names(fd.ContainingOneof().Fields()))
	}
}

// fieldOf returns the field of ModelConfig of that path, nil where there is none.
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

// takes says what values a field has.
func takes(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		return "one of " + names(fd.Enum().Values())
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "text in quotes"
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return fmt.Sprintf("a whole number from 0 (%v)", fd.Kind())
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return fmt.Sprintf("a whole number (%v)", fd.Kind())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	default:
		return "a " + fd.Kind().String()
	}
}

// names lists the names of enum values or of fields, but for the one that says that
// there is none.
func names[D protoreflect.Descriptor](list interface {
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
