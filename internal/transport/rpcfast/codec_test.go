package rpcfast

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// messages are encodings of messages whose large fields have size bytes.
func messages(tb testing.TB, size int) [][]byte {
	tb.Helper()
	large := bytes.Repeat([]byte("l"), size)
	var out [][]byte
	for _, m := range []proto.Message{
		&inference.ModelInferRequest{ModelName: "m", RawInputContents: [][]byte{[]byte("a"), large, nil, large}, Parameters: map[string]*inference.InferParameter{"a": {}}},
		&inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "x", Shape: []int64{1, 2}, Contents: &inference.InferTensorContents{BytesContents: [][]byte{large}}}}},
		&inference.ModelInferRequest{},
		&modelserving.InferenceResponse{Predictions: []float32{1}, Outputs: []*modelserving.OutputTensor{{Name: "a", Data: large}, {}, {Name: "b", Data: []byte("b")}, {Shape: []int64{1}, Data: large}}},
		&inference.ModelStreamInferResponse{ErrorMessage: "e", InferResponse: &inference.ModelInferResponse{Id: "i", RawOutputContents: [][]byte{large, nil, []byte("a"), large}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// everyKind is a message with bytes fields of every kind.
var everyKind = sync.OnceValue(func() protoreflect.MessageType {
	text := `
		name: "every.proto" package: "every" syntax: "proto3"
		message_type: {
			name: "Kind"
			field: {name: "a" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL oneof_index: 0}
			field: {name: "b" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL oneof_index: 0}
			field: {name: "c" number: 3 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0}
			field: {name: "d" number: 4 type: TYPE_BYTES label: LABEL_REPEATED}
			field: {name: "e" number: 5 type: TYPE_BYTES label: LABEL_OPTIONAL proto3_optional: true oneof_index: 1}
			field: {name: "f" number: 6 type: TYPE_MESSAGE type_name: ".every.Kind" label: LABEL_REPEATED}
			field: {name: "g" number: 7 type: TYPE_BYTES label: LABEL_OPTIONAL}
			field: {name: "h" number: 8 type: TYPE_STRING label: LABEL_REPEATED}
			field: {name: "i" number: 16 type: TYPE_BYTES label: LABEL_REPEATED}
			field: {name: "j" number: 9 type: TYPE_MESSAGE type_name: ".every.Kind.JEntry" label: LABEL_REPEATED}
			nested_type: {
				name: "JEntry" options: {map_entry: true}
				field: {name: "key" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL}
				field: {name: "value" number: 2 type: TYPE_BYTES label: LABEL_OPTIONAL}
			}
			oneof_decl: {name: "one"} oneof_decl: {name: "_e"}
		}`
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(text), &file); err != nil {
		panic(err)
	}
	d, err := protodesc.NewFile(&file, nil)
	if err != nil {
		panic(err)
	}
	return dynamicpb.NewMessageType(d.Messages().Get(0))
})

// kinds are messages of each type that is fuzzed.
func kinds() []proto.Message {
	return []proto.Message{
		&inference.ModelInferRequest{}, &modelserving.InferenceRequest{},
		&modelserving.InferenceResponse{}, &inference.ModelStreamInferResponse{},
		&descriptorpb.UninterpretedOption{}, // of proto2, with required fields in a message
		everyKind().New().Interface(),
	}
}

// FuzzDecode: decoding with aliases returns what proto.Unmarshal returns, errors
// included, and a message encoded in parts decodes again.
func FuzzDecode(f *testing.F) {
	// Large enough to differ from small ones by the second argument, and small enough
	// to be varied fast.
	for _, b := range messages(f, 20) {
		f.Add(b, uint16(10))
		f.Add(b, uint16(1))
	}
	f.Add([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}, uint16(1))
	f.Add([]byte("\x0a\x03abc\x12\x02de\x22\x01x\x22\x00\x22\x05hello\x2a\x03xyz\x2a\x00\x3a\x01a\x42\x02\xff\xfe\x1a\x01s\x82\x01\x03lst"), uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, minBytes uint16) {
		for _, empty := range kinds() {
			want, got := proto.Clone(empty), proto.Clone(empty)
			wantErr := proto.Unmarshal(data, want)
			aliased := bytes.Clone(data)
			largest, err := decode(aliased, got, int(minBytes))
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if err != nil {
				continue
			}
			if largest == nil {
				clear(aliased) // nothing of it is kept
			}
			if !proto.Equal(got, want) {
				t.Fatalf("decoded %v, want %v", got, want)
			}
			checkEncoding(t, got, want, int(minBytes))
		}
	})
}

// checkEncoding checks that the encoding of m, which equals want, decodes to want, and
// that m does not change.
func checkEncoding(t *testing.T, m, want proto.Message, minBytes int) {
	t.Helper()
	var e encoded
	if err := e.encode(m, 3, minBytes, unlimited); err != nil {
		t.Fatal(err)
	}
	var wire bytes.Buffer
	if err := e.write(&wire); err != nil {
		t.Fatal(err)
	}
	if wire.Len() != e.size+3 {
		t.Fatalf("%d bytes were written, %d announced", wire.Len()-3, e.size)
	}
	e.release(true)
	decoded := want.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(wire.Bytes()[3:], decoded); err != nil || !proto.Equal(decoded, want) {
		t.Fatalf("encoded %v, want %v: %v", decoded, want, err)
	}
	if !proto.Equal(m, want) {
		t.Fatal("encoding has changed the message")
	}
}

// A cache may give one message to several calls.
func TestOneMessageIsEncodedByMany(t *testing.T) {
	m := &inference.ModelInferResponse{
		ModelName: "m", Outputs: []*inference.ModelInferResponse_InferOutputTensor{{Name: "y", Shape: []int64{1}}},
		RawOutputContents: [][]byte{make([]byte, 100_000), []byte("small"), make([]byte, 20_000)},
	}
	want := proto.Clone(m)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				var e encoded
				if err := e.encode(m, envelope.PrefixSize, detachMinBytes, unlimited); err != nil {
					t.Error(err)
					return
				}
				if len(e.parts) != 4 || &e.parts[1][0] != &m.RawOutputContents[0][0] {
					t.Errorf("%d parts, the large fields are copied", len(e.parts))
				}
				var wire bytes.Buffer
				_ = e.write(&wire) // a buffer takes all
				var got inference.ModelInferResponse
				if err := proto.Unmarshal(wire.Bytes()[envelope.PrefixSize:], &got); err != nil || !proto.Equal(&got, want) {
					t.Errorf("encoded otherwise: %v", err)
				}
				e.release(true)
			}
		})
	}
	group.Wait()
}

// The bytes fields of messages in a message are parts too: tensors of Predictor and of streams.
func TestLargeFieldsOfMessagesAreNotCopied(t *testing.T) {
	first, second := make([]byte, 100_000), make([]byte, 20_000)
	for _, m := range []proto.Message{
		&modelserving.InferenceResponse{Outputs: []*modelserving.OutputTensor{{Name: "a", Data: first}, {Name: "b", Data: []byte("small")}, {Name: "c", Data: second}}},
		&inference.ModelStreamInferResponse{InferResponse: &inference.ModelInferResponse{RawOutputContents: [][]byte{first, []byte("small"), second}}},
	} {
		want := proto.Clone(m)
		var e encoded
		held := 0
		hold := func(n int) (func(), error) { held += n; return func() {}, nil }
		if err := e.encode(m, envelope.PrefixSize, detachMinBytes, hold); err != nil {
			t.Fatal(err)
		}
		if len(e.parts) != 4 || &e.parts[1][0] != &first[0] || &e.parts[3][0] != &second[0] || len(e.buf) > 1000 || held != 0 || e.compressible() != 0 {
			t.Errorf("%T: %d parts, %d bytes of its own: the large fields are copied", m, len(e.parts), len(e.buf))
		}
		e.release(true)
		checkEncoding(t, m, want, detachMinBytes)
	}
}

func TestInvalidTextIsAnErrorBothWays(t *testing.T) {
	bad := &inference.ModelInferRequest{ModelName: "\xff", RawInputContents: [][]byte{make([]byte, 100_000)}}
	if _, err := proto.Marshal(bad); err == nil {
		t.Fatal("the message is no bad one")
	}
	var e encoded
	if err := e.encode(bad, 0, detachMinBytes, unlimited); err == nil {
		t.Error("a name that is no UTF-8 was encoded")
	}
	nested := &modelserving.InferenceResponse{Outputs: []*modelserving.OutputTensor{{Name: "\xff", Data: make([]byte, 100_000)}}}
	if err := e.encode(nested, 0, detachMinBytes, unlimited); err == nil || e.parts != nil {
		t.Error("a name in a message that is no UTF-8 was encoded")
	}
	good := &inference.ModelInferRequest{ModelName: "?", RawInputContents: bad.RawInputContents}
	data, err := proto.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	data[bytes.IndexByte(data, '?')] = 0xff
	if _, err := decode(data, &inference.ModelInferRequest{}, aliasMinBytes); err == nil {
		t.Error("a name that is no UTF-8 was decoded")
	}
}

func TestLargeFieldsAreAliased(t *testing.T) {
	data := messages(t, 20_000)[0]
	var m inference.ModelInferRequest
	largest, err := decode(data, &m, aliasMinBytes)
	if err != nil || len(largest) != 20_000 {
		t.Fatalf("the largest has %d bytes, %v", len(largest), err)
	}
	for _, raw := range m.GetRawInputContents() {
		if cap(raw) != len(raw) {
			t.Error("who appends to a field writes over the next")
		}
	}
	clear(data)
	if got := m.GetRawInputContents()[1]; !bytes.Equal(got, make([]byte, len(got))) {
		t.Error("a large field was copied")
	}
	if got := m.GetModelName(); got != "m" {
		t.Errorf("a small field is %q", got)
	}
}

// unlimited reserves nothing.
func unlimited(int) (release func(), err error) { return func() {}, nil }
