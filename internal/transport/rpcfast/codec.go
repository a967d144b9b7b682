package rpcfast

import (
	"bytes"
	"context"
	"io"
	"math"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
	"github.com/tensorwire/tensorwire/internal/transport/wire/messagejson"
)

var (
	_ connect.StableCodec = (*binaryCodec)(nil)
	_ connect.StableCodec = (*jsonCodec)(nil)
)

// codecs returns the codecs of the slow path: connectproto's, which count a message and reserve
// its memory before they decode it.
func codecs() []connect.Codec {
	return []connect.Codec{&binaryCodec{connectproto.NewBinaryCodec()}, &jsonCodec{connectproto.NewJSONCodec()}}
}

type binaryCodec struct{ *connectproto.BinaryCodec }

// UnmarshalRead implements [connect.Codec].
func (c *binaryCodec) UnmarshalRead(ctx context.Context, src io.Reader, msg any) error {
	m, data, err := read(src, msg)
	if err != nil {
		return err
	}
	estimate, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).Binary(data, math.MaxInt)
	if err != nil {
		return err
	}
	release, err := grow(ctx, estimate, data)
	if err != nil {
		return err
	}
	defer release()
	return c.UnmarshalOptions.Unmarshal(data, m)
}

type jsonCodec struct{ *connectproto.JSONCodec }

// UnmarshalRead implements [connect.Codec].
func (c *jsonCodec) UnmarshalRead(ctx context.Context, src io.Reader, msg any) error {
	m, data, err := read(src, msg)
	if err != nil {
		return err
	}
	if len(data) == 0 { // which has an error of its own
		return c.JSONCodec.UnmarshalRead(ctx, bytes.NewReader(nil), m)
	}
	estimate, large, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).JSON(data)
	if err != nil {
		return err
	}
	release, err := grow(ctx, estimate, data)
	if err != nil {
		return err
	}
	defer release()
	return messagejson.Unmarshal(data, large, m, c.UnmarshalOptions, nil)
}

// MarshalWrite implements [connect.Codec].
func (c *jsonCodec) MarshalWrite(_ context.Context, dst io.Writer, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notAMessage(msg)
	}
	var into []byte
	if buffered, ok := dst.(interface{ AvailableBuffer() []byte }); ok {
		into = buffered.AvailableBuffer()
	}
	text, err := messagejson.Append(into, m, c.MarshalOptions)
	if err != nil {
		return err
	}
	_, err = dst.Write(text)
	return err
}

// read returns the encoding of a message, without a copy where connecthttp has it in a buffer.
func read(src io.Reader, msg any) (m proto.Message, data []byte, err error) {
	m, ok := msg.(proto.Message)
	if !ok {
		return nil, nil, notAMessage(msg)
	}
	if buffer, ok := src.(*bytes.Buffer); ok {
		return m, buffer.Bytes(), nil
	}
	data, err = io.ReadAll(src)
	return m, data, err
}

// grow reserves what a message takes decoded, beyond what is reserved for its encoding: as much
// again. The caller calls release when the message is decoded.
func grow(ctx context.Context, estimate decoded.Estimate, data []byte) (release func(), err error) {
	if err := admission.Grow(ctx, estimate.Memory-int64(len(data))); err != nil {
		return nil, err
	}
	return admission.Hold(ctx, estimate.Passing)
}
