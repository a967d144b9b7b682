package decoded

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// elementsOf is the message whose lists are the elements of a tensor.
const elementsOf protoreflect.FullName = "inference.InferTensorContents"

// shapeField is the name of lists of dimensions.
const shapeField protoreflect.Name = "shape"

// Plan is how messages of one type are counted. It is safe for concurrent use.
type Plan struct {
	// memory is what a message takes without the values of its fields.
	memory int64
	fields []field
	// byNumber has the index in fields plus 1 for each small number of a field.
	byNumber [32]uint8
	// byName has the index in fields by the names that JSON has for a field.
	byName map[string]int
}

// field is how a field is counted.
type field struct {
	descriptor protoreflect.FieldDescriptor

	index  int // in Plan.fields
	name   string
	number protowire.Number
	kind   kind
	// wire is the type of a value on the wire, of a list that is not packed.
	wire protowire.Type
	list bool
	// limit bounds the entries; 0: they are elements of a tensor, or it is no list.
	limit int64
	// width is what a number takes in memory.
	width int64
	// choice: the field is in a oneof. bytes: a text is bytes, and in no oneof.
	choice, bytes bool
	// joined: the tensor of the elements is a copy of them.
	joined bool
	// of is the type of a message, or of a map's entry.
	of protoreflect.MessageDescriptor
}

// kind is a class of values.
type kind uint8

const (
	numeric kind = iota
	text         // a string or bytes
	message
	entry // of a map
)

// plans caches the plans by descriptor. It has one for each message type.
var plans sync.Map // of protoreflect.MessageDescriptor to *Plan

// PlanOf returns the plan of a type of messages.
func PlanOf(d protoreflect.MessageDescriptor) *Plan {
	if known, ok := plans.Load(d); ok {
		return known.(*Plan)
	}
	p := &Plan{memory: messageBytes + fieldBytes*int64(d.Fields().Len()), byName: map[string]int{}}
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		p.byName[fd.JSONName()], p.byName[fd.TextName()] = i, i
		if n := int(fd.Number()); n < len(p.byNumber) && i < 255 {
			p.byNumber[n] = uint8(i + 1)
		}
		p.fields = append(p.fields, fieldOf(fd, i))
	}
	if d.IsMapEntry() {
		p.memory = entryBytes
	}
	known, _ := plans.LoadOrStore(d, p)
	return known.(*Plan)
}

func fieldOf(fd protoreflect.FieldDescriptor, index int) field {
	f := field{descriptor: fd, index: index, name: string(fd.Name()), number: fd.Number(), list: fd.Cardinality() == protoreflect.Repeated, choice: fd.ContainingOneof() != nil}
	elements := fd.ContainingMessage().FullName() == elementsOf
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		f.kind, f.of, f.wire = message, fd.Message(), protowire.BytesType
		if fd.IsMap() {
			f.kind = entry
		}
		if fd.Kind() == protoreflect.GroupKind {
			f.wire = protowire.StartGroupType
		}
	case protoreflect.StringKind, protoreflect.BytesKind:
		f.kind, f.wire, f.joined = text, protowire.BytesType, elements
		f.bytes = fd.Kind() == protoreflect.BytesKind && (!f.choice || fd.ContainingOneof().IsSynthetic())
	default:
		f.wire, f.width = number(fd.Kind(), elements)
	}
	switch {
	case !f.list || elements:
	case f.kind != numeric:
		f.limit = MaxEntries
	case fd.Name() == shapeField:
		f.limit = MaxDimensions
	}
	return f
}

// number returns the type on the wire and the width of a number. The tensor of elements of a
// narrow datatype is a copy of them, of that many bytes more.
func number(k protoreflect.Kind, element bool) (wire protowire.Type, width int64) {
	narrow := int64(0)
	switch k {
	case protoreflect.BoolKind:
		wire, width, narrow = protowire.VarintType, 1, 1
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind, protoreflect.EnumKind:
		wire, width, narrow = protowire.VarintType, 4, 2
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind, protoreflect.FloatKind:
		wire, width = protowire.Fixed32Type, 4
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind, protoreflect.DoubleKind:
		wire, width = protowire.Fixed64Type, 8
	default:
		wire, width = protowire.VarintType, 8
	}
	if element {
		width += narrow
	}
	return wire, width
}

// byField returns the field with a number; nil: the message has none.
func (p *Plan) byField(n protowire.Number) *field {
	if int(n) < len(p.byNumber) {
		if at := p.byNumber[n]; at > 0 {
			return &p.fields[at-1]
		}
	}
	for i := range p.fields {
		if p.fields[i].number == n {
			return &p.fields[i]
		}
	}
	return nil
}
