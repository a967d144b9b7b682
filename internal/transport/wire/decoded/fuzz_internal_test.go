package decoded

import (
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// entriesOf returns the number of entries of a decoded message that the limits are for.
func entriesOf(m protoreflect.Message) (total int64) {
	plan := PlanOf(m.Descriptor())
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		counted := plan.byField(fd.Number()).limit == MaxEntries
		switch {
		case fd.IsMap():
			total += int64(v.Map().Len())
			if fd.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
					total += entriesOf(value.Message())
					return true
				})
			}
		case fd.IsList():
			if counted {
				total += int64(v.List().Len())
			}
			for i := 0; fd.Message() != nil && i < v.List().Len(); i++ {
				total += entriesOf(v.List().Get(i).Message())
			}
		case fd.Message() != nil:
			total += entriesOf(v.Message())
		}
		return true
	})
	return total
}

// FuzzCount compares the entries that are counted with those of the decoded message: none may be
// missed, however they are written.
func FuzzCount(f *testing.F) {
	m := &inference.ModelInferRequest{
		ModelName: "m", RawInputContents: [][]byte{{1}, nil},
		Inputs: []*inference.ModelInferRequest_InferInputTensor{
			{Name: "x", Shape: []int64{1, 2}, Parameters: map[string]*inference.InferParameter{"a": {}, "b": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}}}},
			{Contents: &inference.InferTensorContents{IntContents: []int32{1, 2}, BytesContents: [][]byte{{1}, {2}}}},
		},
	}
	data, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(text)
	f.Add([]byte(`{"\u0069nputs" : [ {},{"parameters":{"a":{"boolParam":true},"b":{}}} ] ,"raw_input_contents":["",""]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []proto.Message{&inference.ModelInferRequest{}, &inference.TraceSettingRequest{}} {
			plan := PlanOf(kind.ProtoReflect().Descriptor())
			binary := binaryCounter{alias: 1 << 10}
			_, tooMany := binary.message(plan, data, 0)
			decodedTo := kind.ProtoReflect().New()
			if err := proto.Unmarshal(data, decodedTo.Interface()); err == nil && tooMany == nil && binary.total < entriesOf(decodedTo) {
				t.Errorf("binary: %d entries are counted of %d: %x", binary.total, entriesOf(decodedTo), data)
			}
			json := jsonCounter{text: data}
			json.space()
			_, tooMany = json.message(plan, 0)
			decodedTo = kind.ProtoReflect().New()
			if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, decodedTo.Interface()); err == nil && tooMany == nil && json.total < entriesOf(decodedTo) {
				t.Errorf("JSON: %d entries are counted of %d: %s", json.total, entriesOf(decodedTo), data)
			}
		}
	})
}
