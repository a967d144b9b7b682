package modelconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// rule says what becomes of a field that is set: it is followed with all that is in
// it, its fields have rules of their own, or it is refused for a reason. A field
// without a rule is not followed, which is a warning.
type rule struct {
	followed, inside bool
	refused          string
}

var (
	followed = rule{followed: true}
	inside   = rule{inside: true}
)

func refused(reason string) rule { return rule{refused: reason} }

// Reasons that inputs and outputs share.
const (
	reshapes    = "shapes are passed on as they are: give in dims the shape that the model has"
	shapeTensor = "only TensorRT has shape tensors: leave it out"
	nonLinear   = "only TensorRT has formats that are not linear: leave it out"
	describes   = "batches are not described to the model: leave it out, if the model runs without"
)

// rules has the rule of each field by its path. docs/models.md has the same table for
// the reader.
var rules = map[string]rule{
	"name":                   followed,
	"platform":               followed,
	"backend":                followed,
	"max_batch_size":         followed,
	"version_policy":         followed,
	"default_model_filename": followed,
	"model_warmup":           followed,
	// The scheduler's: kept, and returned with the configuration.
	"dynamic_batching": followed,
	"response_cache":   followed,

	"input":                         inside,
	"input.name":                    followed,
	"input.data_type":               followed,
	"input.format":                  followed,
	"input.dims":                    followed,
	"input.reshape":                 refused(reshapes),
	"input.is_shape_tensor":         refused(shapeTensor),
	"input.is_non_linear_format_io": refused(nonLinear),
	"input.allow_ragged_batch":      refused("the inputs of a batch have one shape: leave it out, if the model runs without"),

	"output":                         inside,
	"output.name":                    followed,
	"output.data_type":               followed,
	"output.dims":                    followed,
	"output.label_filename":          followed,
	"output.reshape":                 refused(reshapes),
	"output.is_shape_tensor":         refused(shapeTensor),
	"output.is_non_linear_format_io": refused(nonLinear),

	"instance_group":       inside,
	"instance_group.name":  followed,
	"instance_group.count": followed,
	"instance_group.kind":  followed,

	"optimization":       inside,
	"optimization.graph": followed,
	"parameters":         inside, // by key, in checkParameters

	"model_transaction_policy":             inside,
	"model_transaction_policy.decoupled":   refused("each request has one answer here: models that answer otherwise cannot be served"),
	"model_operations":                     inside,
	"model_operations.op_library_filename": refused("libraries of operators are not loaded: models that need them cannot be served"),
	"ensemble_scheduling":                  refused("ensembles are not served: serve its models, and call one after the other"),
	"sequence_batching":                    refused("requests of a sequence are not kept together: models that keep state cannot be served"),
	"batch_input":                          refused(describes),
	"batch_output":                         refused(describes),
}

// checkFields adds to r what the rules say of the fields of config that are set, and
// the enums whose numbers are none.
func checkFields(r *report, config *inference.ModelConfig) {
	checkMessage(r, config.ProtoReflect(), "", "")
}

// checkMessage checks m, whose fields have their rules below the path key and are
// called below the path shown, in which elements are told apart.
func checkMessage(r *report, m protoreflect.Message, key, shown string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		name := string(fd.Name())
		switch rule := rules[key+name]; {
		case rule.refused != "":
			r.problem("%s%s cannot be followed: %s", shown, name, rule.refused)
		case rule.followed:
			checkEnums(r, m, fd, shown+name)
		case !rule.inside:
			r.warn("%s%s is not followed", shown, name)
		case fd.IsList():
			list := m.Get(fd).List()
			for i := range list.Len() {
				element := list.Get(i).Message()
				checkMessage(r, element, key+name+".", fmt.Sprintf("%s%s[%s].", shown, name, elementName(element, i)))
			}
		case !fd.IsMap():
			checkMessage(r, m.Get(fd).Message(), key+name+".", shown+name+".")
		}
	}
}

// elementName returns the name of an element of a list in quotes, or its index where
// it has none.
func elementName(m protoreflect.Message, index int) string {
	if named, ok := m.Interface().(interface{ GetName() string }); ok && named.GetName() != "" {
		return strconv.Quote(oneLine(named.GetName()))
	}
	return strconv.Itoa(index)
}

// checkEnums reports the enums in a field that is set whose numbers have no name:
// protobuf takes any number. There are no lists of enums and no maps to them.
func checkEnums(r *report, m protoreflect.Message, fd protoreflect.FieldDescriptor, shown string) {
	switch {
	case fd.IsMap():
		if fd.MapValue().Message() == nil {
			return
		}
		for _, key := range sortedKeys(m.Get(fd).Map()) {
			checkAllEnums(r, m.Get(fd).Map().Get(key).Message(), fmt.Sprintf("%s[%q]", shown, oneLine(key.String())))
		}
	case fd.IsList():
		list := m.Get(fd).List()
		for i := range list.Len() {
			if fd.Message() != nil {
				checkAllEnums(r, list.Get(i).Message(), fmt.Sprintf("%s[%s]", shown, elementName(list.Get(i).Message(), i)))
			}
		}
	case fd.Message() != nil:
		checkAllEnums(r, m.Get(fd).Message(), shown)
	case fd.Kind() == protoreflect.EnumKind:
		if n := m.Get(fd).Enum(); fd.Enum().Values().ByNumber(n) == nil {
			r.problem("%s is %d: it takes %s", shown, n, takes(fd))
		}
	}
}

// checkAllEnums checks every field of m.
func checkAllEnums(r *report, m protoreflect.Message, shown string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if fd := fields.Get(i); m.Has(fd) {
			checkEnums(r, m, fd, shown+"."+string(fd.Name()))
		}
	}
}

// sortedKeys returns the keys of a map in the order of their text.
func sortedKeys(m protoreflect.Map) []protoreflect.MapKey {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// clone returns a copy of config, an empty configuration for nil.
func clone(config *inference.ModelConfig) *inference.ModelConfig {
	if config == nil {
		return &inference.ModelConfig{}
	}
	return proto.CloneOf(config)
}
