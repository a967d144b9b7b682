package modelconfig

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// JSON returns the configuration in the format of Triton's REST interface: protobuf's JSON
// with snake_case names, with zero values except for messages and members of a oneof, and
// with 64-bit integers as numbers. Fields have the order of the .proto file, maps the
// order of their keys. There is no white space.
//
// protojson supports neither the numbers nor the two orders, and adds white space.
func JSON(config *inference.ModelConfig) ([]byte, error) {
	return appendMessage(nil, config.ProtoReflect())
}

func appendMessage(b []byte, m protoreflect.Message) ([]byte, error) {
	fields := m.Descriptor().Fields()
	b = append(b, '{')
	first := true
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.HasPresence() && !m.Has(fd) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = strconv.AppendQuote(b, string(fd.Name()))
		b = append(b, ':')
		var err error
		if b, err = appendField(b, fd, m.Get(fd)); err != nil {
			return nil, fmt.Errorf("%s: %w", fd.FullName(), err)
		}
	}
	return append(b, '}'), nil
}

func appendField(b []byte, fd protoreflect.FieldDescriptor, value protoreflect.Value) (_ []byte, err error) {
	switch {
	case fd.IsMap():
		b = append(b, '{')
		for i, key := range sortedKeys(value.Map()) {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendString(b, key.String()); err != nil {
				return nil, err
			}
			b = append(b, ':')
			if b, err = appendValue(b, fd.MapValue(), value.Map().Get(key)); err != nil {
				return nil, err
			}
		}
		return append(b, '}'), nil
	case fd.IsList():
		b = append(b, '[')
		for i := range value.List().Len() {
			if i > 0 {
				b = append(b, ',')
			}
			if b, err = appendValue(b, fd, value.List().Get(i)); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	default:
		return appendValue(b, fd, value)
	}
}

// appendValue appends one value, of a kind that occurs in ModelConfig.
func appendValue(b []byte, fd protoreflect.FieldDescriptor, value protoreflect.Value) ([]byte, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return appendMessage(b, value.Message())
	case protoreflect.StringKind:
		return appendString(b, value.String())
	case protoreflect.BoolKind:
		return strconv.AppendBool(b, value.Bool()), nil
	case protoreflect.EnumKind:
		if named := fd.Enum().Values().ByNumber(value.Enum()); named != nil {
			return strconv.AppendQuote(b, string(named.Name())), nil
		}
		return strconv.AppendInt(b, int64(value.Enum()), 10), nil
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return strconv.AppendInt(b, value.Int(), 10), nil
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return strconv.AppendUint(b, value.Uint(), 10), nil
	case protoreflect.FloatKind:
		return appendFloat(b, value.Float(), 32), nil
	case protoreflect.DoubleKind:
		return appendFloat(b, value.Float(), 64), nil
	default:
		return nil, fmt.Errorf("kind %v is not supported", fd.Kind())
	}
}

// appendFloat appends the shortest number that parses to f, and protobuf's strings for
// NaN and infinities.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(b, f, 'g', -1, bits)
	}
}

func appendString(b []byte, s string) ([]byte, error) {
	quoted, err := json.Marshal(s)
	return append(b, quoted...), err
}
