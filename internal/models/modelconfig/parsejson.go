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

// unmarshalJSON reads protobuf's JSON. It adds unknown fields to r as warnings, and unknown
// enum values as errors: protojson skips both silently.
func unmarshalJSON(r *report, text []byte) (*inference.ModelConfig, *textError) {
	config := &inference.ModelConfig{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(text, config); err != nil {
		return nil, locate(err, text)
	}
	findUnknown(r, text, config.ProtoReflect().Descriptor(), "")
	return config, nil
}

// findUnknown reports unknown fields and enum values in text, which is valid JSON of the
// message. path is the message's path with a dot at its end. Each level is parsed again;
// the nesting of the message limits the number of levels.
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
			r.warn("unknown field %s is ignored", shown)
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
				r.problem("%s is %q: it takes %s", shown, value, acceptedValues(fd))
			}
		}
	}
}
