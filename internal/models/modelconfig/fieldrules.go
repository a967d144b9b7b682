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

// rule is the treatment of a field that is set: supported with everything in it, nested
// (its own fields have rules), or rejected with a reason. A field without a rule is
// ignored, with a warning.
type rule struct {
	supported, nested bool
	rejected          string
}

var (
	supported = rule{supported: true}
	nested    = rule{nested: true}
)

func rejected(reason string) rule { return rule{rejected: reason} }

// Reasons that inputs and outputs share.
const (
	shapeTensor = "shape tensors exist only in TensorRT; remove it"
	nonLinear   = "non-linear formats exist only in TensorRT; remove it"
	describes   = "batches are not described to the model; remove it if the model runs without it"
)

// rules maps the path of a field to its rule. docs/models.md has the same table.
var rules = map[string]rule{
	"name":                   supported,
	"platform":               supported,
	"backend":                supported,
	"max_batch_size":         supported,
	"version_policy":         supported,
	"default_model_filename": supported,
	"model_warmup":           supported,
	// SchedulerOptions and CachesResponses map these.
	"dynamic_batching": supported,
	"response_cache":   supported,

	"input":                         nested,
	"input.name":                    supported,
	"input.data_type":               supported,
	"input.format":                  supported,
	"input.dims":                    supported,
	"input.optional":                supported, // completeInputs checks it
	"input.reshape":                 supported,
	"input.is_shape_tensor":         rejected(shapeTensor),
	"input.is_non_linear_format_io": rejected(nonLinear),
	"input.allow_ragged_batch":      rejected("the inputs of a batch have one shape; remove it if the model runs without it"),

	"output":                         nested,
	"output.name":                    supported,
	"output.data_type":               supported,
	"output.dims":                    supported,
	"output.label_filename":          supported,
	"output.reshape":                 supported,
	"output.is_shape_tensor":         rejected(shapeTensor),
	"output.is_non_linear_format_io": rejected(nonLinear),

	"instance_group":       nested,
	"instance_group.name":  supported,
	"instance_group.count": supported,
	"instance_group.kind":  supported,

	"optimization":       nested,
	"optimization.graph": supported,
	// These concern GPUs only, and a completed configuration has them, as Triton's does.
	"optimization.input_pinned_memory":  supported,
	"optimization.output_pinned_memory": supported,

	"parameters": nested, // by key, in checkParameters

	"model_transaction_policy":             nested,
	"model_transaction_policy.decoupled":   rejected("each request has one response; models with another number of responses cannot run"),
	"model_operations":                     nested,
	"model_operations.op_library_filename": rejected("operator libraries are not loaded; models that need one cannot run"),
	"ensemble_scheduling":                  rejected("serve the models of the ensemble, and call one after the other"),
	"sequence_batching":                    rejected("requests of a sequence are not routed to one instance; stateful models cannot run"),
	"batch_input":                          rejected(describes),
	"batch_output":                         rejected(describes),
}

// checkFields applies the rules to the fields of config that are set, and reports unknown
// enum numbers.
func checkFields(r *report, config *inference.ModelConfig) {
	checkMessage(r, config.ProtoReflect(), "", "")
}

// checkMessage checks m. key is the path prefix of its rules, shown the path prefix in
// messages, which identifies elements of lists.
func checkMessage(r *report, m protoreflect.Message, key, shown string) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		name := string(fd.Name())
		switch rule := rules[key+name]; {
		case rule.rejected != "":
			r.problem("%s%s is not supported: %s", shown, name, rule.rejected)
		case rule.supported:
			checkEnums(r, m, fd, shown+name)
		case !rule.nested:
			r.warn("%s%s is ignored", shown, name)
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

// elementName returns the name of a list element in quotes, or its index when it has none.
func elementName(m protoreflect.Message, index int) string {
	if named, ok := m.Interface().(interface{ GetName() string }); ok && named.GetName() != "" {
		return strconv.Quote(oneLine(named.GetName()))
	}
	return strconv.Itoa(index)
}

// checkEnums reports unknown enum numbers in a field: protobuf accepts any number.
// ModelConfig has no lists of enums and no maps to enums.
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
			r.problem("%s is %d: it takes %s", shown, n, acceptedValues(fd))
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

// sortedKeys returns the keys of a map, sorted by their text.
func sortedKeys(m protoreflect.Map) []protoreflect.MapKey {
	keys := make([]protoreflect.MapKey, 0, m.Len())
	m.Range(func(key protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, key)
		return true
	})
	slices.SortFunc(keys, func(a, b protoreflect.MapKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// clone returns a copy of config; an empty configuration for nil.
func clone(config *inference.ModelConfig) *inference.ModelConfig {
	if config == nil {
		return &inference.ModelConfig{}
	}
	return proto.CloneOf(config)
}
