package modelconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// unmarshalJSON reads protobuf's JSON. Names of no field are warnings in r. protojson
// passes over them, and over enum values that it does not know: those are problems.
func unmarshalJSON(r *report, text []byte) (*inference.ModelConfig, *fault) {
	config := &inference.ModelConfig{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, config); err != nil {
		return nil, locate(err, text)
	}
	findUnknown(r, text, config.ProtoReflect().Descriptor(), "")
	return config, nil
}

// findUnknown reports the names and the enum values in text, JSON that protojson has
// accepted for a message of that kind, that are none. path is the message's, with a
// full stop at its end. Each level is parsed again: the message's fields bound how
// many there are.
func findUnknown(r *report, text json.RawMessage, message protoreflect.MessageDescriptor, path string) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return
	}
	fields := message.Fields()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		fd := fields.ByTextName(name)
		if fd == nil {
			fd = fields.ByJSONName(name)
		}
		switch shown := path + name; {
		case fd == nil:
			r.warn("%s is an unknown field, and is not followed", shown)
		case fd.IsMap():
			var entries map[string]json.RawMessage
			if fd.MapValue().Message() == nil || json.Unmarshal(object[name], &entries) != nil {
				continue
			}
			for _, key := range slices.Sorted(maps.Keys(entries)) {
				findUnknown(r, entries[key], fd.MapValue().Message(), fmt.Sprintf("%s[%q].", shown, oneLine(key)))
			}
		case fd.IsList():
			var elements []json.RawMessage
			if fd.Message() == nil || json.Unmarshal(object[name], &elements) != nil {
				continue
			}
			for i, element := range elements {
				findUnknown(r, element, fd.Message(), fmt.Sprintf("%s[%d].", shown, i))
			}
		case fd.Message() != nil:
			findUnknown(r, object[name], fd.Message(), shown+".")
		case fd.Kind() == protoreflect.EnumKind:
			var value string
			if json.Unmarshal(object[name], &value) == nil && value != "" && fd.Enum().Values().ByName(protoreflect.Name(value)) == nil {
				r.problem("%s is %q: it takes %s", shown, value, takes(fd))
			}
		}
	}
}
