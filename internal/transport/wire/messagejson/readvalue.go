package messagejson

import (
	"bytes"
	"encoding/binary"

	"github.com/segmentio/asm/base64"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
)

// plain reports whether a list of text may be read without protojson.
func plain(value *decoded.Large, text []byte) bool {
	datatype := datatypeOf(value.Field.Kind())
	if datatype == tensor.Invalid {
		return false
	}
	// Words such as NaN are no numbers here. Only integers without a fraction or an exponent
	// are the same for both readers.
	others := "NIntf"
	if datatype != tensor.FP32 && datatype != tensor.FP64 {
		others += ".eE"
	}
	if unsigned(datatype) {
		others += "-"
	}
	for _, other := range []byte(others) {
		if bytes.IndexByte(text[value.Begin:value.End], other) >= 0 {
			return false
		}
	}
	return true
}

// datatypeOf returns the datatype of a list's numbers; Invalid: there is no reader for them.
func datatypeOf(kind protoreflect.Kind) tensor.DataType {
	switch kind {
	case protoreflect.FloatKind:
		return tensor.FP32
	case protoreflect.DoubleKind:
		return tensor.FP64
	case protoreflect.Int32Kind:
		return tensor.Int32
	case protoreflect.Int64Kind:
		return tensor.Int64
	case protoreflect.Uint32Kind:
		return tensor.Uint32
	case protoreflect.Uint64Kind:
		return tensor.Uint64
	}
	return tensor.Invalid
}

func unsigned(d tensor.DataType) bool { return d == tensor.Uint32 || d == tensor.Uint64 }

// readBytes decodes base64 as protojson does: both alphabets, with or without padding. It reports
// false for a text that is not base64, and for line breaks, which encoding/base64 skips. It does not
// rely on the decoder to reject a mix of both alphabets: its vector instructions take '/' for a
// character of the URL's.
func readBytes(to protoreflect.Message, value *decoded.Large, text []byte, allocate func(n int) []byte) bool {
	text = text[1 : len(text)-1]
	has := func(c byte) bool { return bytes.IndexByte(text, c) >= 0 }
	encoding := base64.StdEncoding
	if has('-') || has('_') {
		encoding = base64.URLEncoding
		if has('+') || has('/') {
			return false
		}
	}
	if len(text)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	if has('\n') || has('\r') {
		return false
	}
	data := allocate(encoding.DecodedLen(len(text)))
	n, err := encoding.Decode(data, text)
	if err != nil {
		return false
	}
	v := protoreflect.ValueOfBytes(data[:n:n])
	if value.Index < 0 {
		to.Set(value.Field, v)
		return true
	}
	list := to.Mutable(value.Field).List()
	if value.Index >= list.Len() {
		return false
	}
	list.Set(value.Index, v)
	return true
}

// head is the room before the numbers of a list for the tag and the length of their encoding. It
// keeps them aligned.
const head = 16

// readNumbers parses numbers and adds them to the message by merging their packed encoding, which
// is many times faster than adding each by reflection.
func readNumbers(to protoreflect.Message, value *decoded.Large, text []byte) bool {
	fd, datatype := value.Field, datatypeOf(value.Field.Kind())
	size := value.Elements * datatype.Size()
	encoded := bufpool.Get(head + size)
	defer bufpool.Put(encoded)
	scanner := tensorjson.NewScanner(text)
	data := scanner.Data(encoded[head:head:head+size], datatype, tensor.Shape{int64(value.Elements)})
	if scanner.End() != nil || len(data) != size || !tensor.ShareMemory(data, encoded) {
		return false
	}
	if fd.Kind() != protoreflect.FloatKind && fd.Kind() != protoreflect.DoubleKind {
		encoded = packVarints(datatype, data)
		defer bufpool.Put(encoded)
	}
	var prefix [head]byte
	begin := protowire.AppendVarint(protowire.AppendTag(prefix[:0], fd.Number(), protowire.BytesType), uint64(len(encoded)-head))
	encoded = encoded[head-len(begin):]
	copy(encoded, begin)
	return (proto.UnmarshalOptions{Merge: true}).Unmarshal(encoded, to.Interface()) == nil
}

// packVarints returns integers in the packed encoding behind head unused bytes, in a pooled buffer.
func packVarints(datatype tensor.DataType, data []byte) []byte {
	size := 0
	for v := range varints(datatype, data) {
		size += protowire.SizeVarint(v)
	}
	packed := bufpool.Get(head + size)[:head]
	for v := range varints(datatype, data) {
		packed = protowire.AppendVarint(packed, v)
	}
	return packed
}

// varints yields integers as protobuf encodes them: a negative one has 64 bits.
func varints(datatype tensor.DataType, data []byte) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for ; len(data) > 0; data = data[datatype.Size():] {
			var v uint64
			switch datatype {
			case tensor.Int32:
				v = uint64(int64(int32(binary.LittleEndian.Uint32(data))))
			case tensor.Uint32:
				v = uint64(binary.LittleEndian.Uint32(data))
			default:
				v = binary.LittleEndian.Uint64(data)
			}
			if !yield(v) {
				return
			}
		}
	}
}
