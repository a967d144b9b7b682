package rpc

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
)

// messages are encodings to begin from.
func messages(tb testing.TB) [][]byte {
	tb.Helper()
	large := bytes.Repeat([]byte("large "), 4000)
	var out [][]byte
	for _, m := range []proto.Message{
		&inference.ModelInferRequest{ModelName: "m", RawInputContents: [][]byte{[]byte("a"), large, nil, large}, Parameters: map[string]*inference.InferParameter{"a": {}}},
		&inference.ModelInferRequest{ModelName: "m", Inputs: []*inference.ModelInferRequest_InferInputTensor{{Name: "x", Shape: []int64{1, 2}, Contents: &inference.InferTensorContents{BytesContents: [][]byte{large}}}}},
		&inference.ModelInferRequest{},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// FuzzDecode: decoding by aliasing gives what proto.Unmarshal gives, and encoding in
// parts what can be decoded again.
func FuzzDecode(f *testing.F) {
	for _, b := range messages(f) {
		f.Add(b)
	}
	f.Add([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, empty := range []proto.Message{&inference.ModelInferRequest{}, &modelserving.InferenceRequest{}} {
			want, got := proto.Clone(empty), proto.Clone(empty)
			wantErr := proto.Unmarshal(data, want)
			_, err := decode(data, got)
			if (err != nil) != (wantErr != nil) {
				t.Fatalf("error %v, want %v", err, wantErr)
			}
			if err != nil {
				continue
			}
			if !proto.Equal(got, want) {
				t.Fatalf("decoded %v, want %v", got, want)
			}
			e, err := encode(got, 3)
			if err != nil {
				t.Fatal(err)
			}
			var wire []byte
			_ = e.writeTo(func(p []byte) error { wire = append(wire, p...); return nil })
			if len(wire) != e.size+3 {
				t.Fatalf("%d bytes were written, %d announced", len(wire)-3, e.size)
			}
			e.release()
			again := proto.Clone(empty)
			if err := proto.Unmarshal(wire[3:], again); err != nil || !proto.Equal(again, want) {
				t.Fatalf("encoded %v, want %v: %v", again, want, err)
			}
			if !proto.Equal(got, want) {
				t.Fatal("encoding has changed the message")
			}
		}
	})
}

func TestLargeFieldsAreAliased(t *testing.T) {
	data := messages(t)[0]
	var m inference.ModelInferRequest
	aliases, err := decode(data, &m)
	if err != nil || !aliases {
		t.Fatalf("aliases %v, %v", aliases, err)
	}
	clear(data)
	if got := m.GetRawInputContents()[1]; !bytes.Equal(got, make([]byte, len(got))) {
		t.Error("a large field was copied")
	}
	if got := m.GetModelName(); got != "m" {
		t.Errorf("a small field is %q", got)
	}
}
