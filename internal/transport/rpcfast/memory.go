package rpcfast

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
)

const (
	// callBytes is what a call takes in memory besides its message: measured, a
	// goroutine's stack of 14 KiB and a few hundred small objects.
	callBytes = 16 << 10
	// retainedRatio is the part of the heap that Go retains when it is free, beyond what
	// is live: a tenth of what the heap may grow to (retainExtraPercent in
	// runtime/mgcscavenge.go). Buffers that come and go fill it.
	retainedRatio = 8
	// countedBytes is the size from which a message's entries are counted: a smaller one is
	// decoded to no more than callBytes.
	countedBytes = 128
	// jsonRatio is how many bytes of memory one byte of a binary message takes as JSON, with
	// the buffers that it grows through: base64 is four thirds, in a copy and a half.
	// jsonNumber is the same for a number in a list.
	jsonRatio  = 4
	jsonNumber = 40
)

// memoryOf returns how much memory a message of n bytes takes, at any alignment of its
// tensor, with its call and its part of what Go retains.
func memoryOf(n int64) int64 {
	if n == 0 {
		return 0
	}
	size := int64(bufpool.Size(int(n) + bufpool.Alignment))
	return size + size/retainedRatio + callBytes
}

// reserve counts a message and reserves what decoding it takes besides the buffer that it is in.
func (c *call) reserve(data []byte, m proto.Message) error {
	if len(data) < countedBytes {
		return nil
	}
	estimate, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).Binary(data, aliasMinBytes)
	if err != nil {
		return malformed(err)
	}
	n := estimate.Memory
	if estimate.Aliased > 0 {
		n += int64(len(data)) - estimate.Aliased // decodeAround copies the rest
	}
	return MemoryError(admission.Grow(c.ctx, n))
}

// hold reserves n bytes for the encoding of a response, and as much for its compression.
func (c *call) hold(n int) (release func(), err error) {
	total := int64(n)
	if c.compressor != nil {
		total *= 2
	}
	release, err = admission.Hold(c.ctx, total)
	return release, MemoryError(err)
}

// HoldResponse reserves what encoding a response takes on the slow path, in the account of ctx.
// The caller calls release when the response is sent. On the fast path it reserves nothing:
// sending does that.
func HoldResponse(ctx context.Context, info *connect.CallInfo, response any) (release func(), err error) {
	m, ok := response.(proto.Message)
	if _, fast := info.TransportInfo.(*leases); fast || !ok {
		return func() {}, nil
	}
	n := int64(proto.Size(m))
	if info.Codec == connect.CodecNameJSON {
		n = jsonBytes(m.ProtoReflect(), n)
	}
	if info.ResponseEncoding != connect.CompressionNameIdentity {
		n *= 2
	}
	release, err = admission.Hold(ctx, n)
	return release, MemoryError(err)
}

// jsonBytes returns what the JSON of a message of size bytes takes.
func jsonBytes(m protoreflect.Message, size int64) int64 {
	n := size * jsonRatio
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.IsList() && fd.IsPacked() {
			n += jsonNumber * int64(v.List().Len())
		}
		return true
	})
	return n
}

// MemoryError returns err, with the form that clients get where it is an error of reserving
// memory: the codecs' errors of a transport say that a message is malformed.
func MemoryError(err error) error {
	if err == nil {
		return nil
	}
	if exhausted, ok := errors.AsType[*admission.ExhaustedError](err); ok {
		return overload.Unavailable(exhausted.RetryAfter(), exhausted.Error())
	}
	if errors.Is(err, admission.ErrTooLarge) {
		if named, ok := errors.AsType[*setting.Error](err); ok {
			return connect.NewError(connect.CodeResourceExhausted, named.Error())
		}
	}
	return err
}
