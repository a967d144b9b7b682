package messagejson

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/segmentio/asm/base64"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// largeBytes is the size from which a bytes field is large, and largeNumbers the number of
	// elements from which a list is.
	largeBytes   = 2 << 10
	largeNumbers = 512
)

// Append appends m in JSON to dst. The text is options', besides the order of its fields, spaces,
// and the notation of numbers. m is only read, so that several calls may write one message.
func Append(dst []byte, m proto.Message, options protojson.MarshalOptions) ([]byte, error) {
	w := &writer{}
	rest := w.without(m.ProtoReflect(), true)
	if rest == nil {
		return options.MarshalAppend(dst, m)
	}
	text, err := options.Marshal(rest.Interface())
	if err != nil {
		return dst, err
	}
	return w.append(dst, text)
}

// writer writes a message with large values.
type writer struct {
	numbers []numbers
	// bytes are the large bytes values. Each has its index in its placeholder.
	bytes [][]byte
}

// numbers is a large list of numbers of the message itself.
type numbers struct {
	name string
	tensor.Tensor
}

// without returns a copy of m that has placeholders instead of large bytes values, and not the
// large lists of numbers. It shares all else with m. It is nil where m has no large value. Lists
// of numbers of other messages than top's are not large: their place in the text is unknown.
func (w *writer) without(m protoreflect.Message, top bool) (rest protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		changed, large := w.value(m, fd, v, top)
		if !large {
			return true
		}
		if rest == nil {
			rest = m.New()
			m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
				rest.Set(fd, v)
				return true
			})
		}
		if changed.IsValid() {
			rest.Set(fd, changed)
		} else {
			rest.Clear(fd)
		}
		return true
	})
	return rest
}

// value returns what replaces a field's value that is large or has large values; the invalid
// Value for a field that is omitted.
func (w *writer) value(m protoreflect.Message, fd protoreflect.FieldDescriptor, v protoreflect.Value, top bool) (changed protoreflect.Value, large bool) {
	switch {
	case fd.IsMap():
	case fd.Kind() == protoreflect.BytesKind && !fd.IsList():
		if data := v.Bytes(); len(data) >= largeBytes {
			return protoreflect.ValueOfBytes(w.hold(data)), true
		}
	case fd.Kind() == protoreflect.MessageKind && !fd.IsList():
		if rest := w.without(v.Message(), false); rest != nil {
			return protoreflect.ValueOfMessage(rest), true
		}
	case fd.Kind() == protoreflect.BytesKind || fd.Kind() == protoreflect.MessageKind:
		return w.list(m, fd, v.List())
	case top && fd.IsPacked() && v.List().Len() >= largeNumbers:
		if t, ok := floatsOf(m, fd, v); ok {
			w.numbers = append(w.numbers, numbers{fd.JSONName(), t})
			return protoreflect.Value{}, true
		}
	}
	return protoreflect.Value{}, false
}

// list returns a copy of a list of bytes or messages that has no large values, if l has some.
func (w *writer) list(m protoreflect.Message, fd protoreflect.FieldDescriptor, l protoreflect.List) (changed protoreflect.Value, large bool) {
	values := make([]protoreflect.Value, l.Len())
	for i := range values {
		values[i] = l.Get(i)
		if fd.Kind() == protoreflect.BytesKind {
			if data := values[i].Bytes(); len(data) >= largeBytes {
				values[i], large = protoreflect.ValueOfBytes(w.hold(data)), true
			}
		} else if rest := w.without(values[i].Message(), false); rest != nil {
			values[i], large = protoreflect.ValueOfMessage(rest), true
		}
	}
	if !large {
		return protoreflect.Value{}, false
	}
	changed = m.NewField(fd)
	for _, v := range values {
		changed.List().Append(v)
	}
	return changed, true
}

// A placeholder is the base64 of a secret, which no client can have put into a message, and of
// an index. Both are multiples of three bytes, so that the base64 of the secret is its beginning.
const (
	secretBytes = 18
	indexBytes  = 6
)

// secret has room for an index behind it; marker is its base64.
var secret, marker = func() (random []byte, text []byte) {
	random = make([]byte, secretBytes, secretBytes+indexBytes)
	_, _ = rand.Read(random) // it never fails
	return random, []byte(base64.StdEncoding.EncodeToString(random))
}()

// hold keeps a large value and returns the bytes whose base64 is its placeholder.
func (w *writer) hold(value []byte) []byte {
	index := binary.BigEndian.AppendUint64(nil, uint64(len(w.bytes)))
	w.bytes = append(w.bytes, value)
	return append(slices.Clip(secret), index[len(index)-indexBytes:]...)
}

// next returns the text before the next placeholder, its value, and the text behind it.
func (w *writer) next(text []byte) (before, value, after []byte, err error) {
	before, after, found := bytes.Cut(text, marker)
	var index [8]byte
	if n := base64.StdEncoding.EncodedLen(indexBytes); found && len(after) >= n {
		_, err = base64.StdEncoding.Decode(index[len(index)-indexBytes:], after[:n])
		after = after[n:]
	}
	at := binary.BigEndian.Uint64(index[:])
	if !found || err != nil || at >= uint64(len(w.bytes)) {
		return nil, nil, nil, errors.New("messagejson: a placeholder is not in the text") // impossible
	}
	return before, w.bytes[at], after, nil
}

// floatsOf returns a list of floats of m as a tensor. ok is false for other numbers, and for
// values that JSON has no numbers for: protojson writes those as strings.
func floatsOf(m protoreflect.Message, fd protoreflect.FieldDescriptor, v protoreflect.Value) (t tensor.Tensor, ok bool) {
	datatype := datatypeOf(fd.Kind())
	if datatype != tensor.FP32 && datatype != tensor.FP64 {
		return t, false
	}
	// The packed encoding is the tensor's memory, behind its head. Reading the list by
	// reflection would take many times longer.
	size := v.List().Len() * datatype.Size()
	head := protowire.SizeTag(fd.Number()) + protowire.SizeVarint(uint64(size))
	alone := m.New()
	alone.Set(fd, v)
	lead := bufpool.Alignment - head%bufpool.Alignment
	data, err := (proto.MarshalOptions{}).MarshalAppend(make([]byte, lead, lead+head+size), alone.Interface())
	if err != nil || len(data) != lead+head+size {
		return t, false
	}
	t = tensor.Tensor{DataType: datatype, Shape: tensor.Shape{int64(v.List().Len())}, Data: data[lead+head:]}
	return t, finite(t)
}

func finite(t tensor.Tensor) bool {
	if t.DataType == tensor.FP64 {
		values, _ := tensor.View[uint64](t.Data)
		const exponent = 0x7ff << 52
		return !slices.ContainsFunc(values, func(v uint64) bool { return v&exponent == exponent })
	}
	values, _ := tensor.View[uint32](t.Data)
	const exponent = 0xff << 23
	return !slices.ContainsFunc(values, func(v uint32) bool { return v&exponent == exponent })
}

// append appends text, which is the message without its large values, with them.
func (w *writer) append(dst, text []byte) (_ []byte, err error) {
	dst = append(dst, '{')
	rest := bytes.TrimLeft(text[1:], " ") // protojson adds spaces at random
	for i, n := range w.numbers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), n.name...), `":`...)
		if dst, err = tensorjson.AppendData(dst, n.name, n.Tensor); err != nil {
			return dst, err // impossible: the numbers are finite
		}
	}
	if len(w.numbers) > 0 && rest[0] != '}' {
		dst = append(dst, ',')
	}
	for range w.bytes {
		before, value, after, err := w.next(rest)
		if err != nil {
			return dst, err
		}
		dst = append(dst, before...)
		n := base64.StdEncoding.EncodedLen(len(value))
		dst = slices.Grow(dst, n)[:len(dst)+n]
		base64.StdEncoding.Encode(dst[len(dst)-n:], value)
		rest = after
	}
	return append(dst, rest...), nil
}
