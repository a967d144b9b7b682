package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// encoding is one way to put the picture into a request.
type encoding struct {
	name  string
	codec connect.StableCodec
	// message is the request, and empty makes one to decode into.
	message proto.Message
	empty   func() proto.Message

	wire           []byte
	encode, decode []testing.BenchmarkResult // one of each round
}

func newEncodings(image *picture) []*encoding {
	binary, json := connectproto.NewBinaryCodec(), connectproto.NewJSONCodec()
	asBytes, asFloats := image.asBytes(imageModel), image.asFloats(imageModel)
	emptyBytes := func() proto.Message { return new(modelserving.FastInferenceRequest) }
	emptyFloats := func() proto.Message { return new(modelserving.InferenceRequest) }
	return []*encoding{
		{name: "Protobuf, `bytes raw_image`", codec: binary, message: asBytes, empty: emptyBytes},
		{name: "Protobuf, `repeated float tensor_data`", codec: binary, message: asFloats, empty: emptyFloats},
		{name: "JSON, `rawImage` in base64", codec: json, message: asBytes, empty: emptyBytes},
		{name: "JSON, `tensorData` as numbers", codec: json, message: asFloats, empty: emptyFloats},
	}
}

// encodings compares what the encodings of one picture cost.
func encodings(ctx context.Context, b *bench) (*report.Report, error) {
	if err := setBenchTime(b.duration); err != nil {
		return nil, err
	}
	all := newEncodings(b.image)
	for _, e := range all {
		if err := e.check(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", e.name, err)
		}
	}
	for range b.rounds {
		for _, e := range all {
			if err := e.measure(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	t := report.NewTable(1, "request", "bytes", "encode", "decode", "encode allocates", "decode allocates")
	base := all[0]
	for _, e := range all {
		t.Row(e.name,
			report.Compared(report.Count(int64(len(e.wire))), len(e.wire), len(base.wire)),
			comparedTime(e.encode, base.encode), comparedTime(e.decode, base.decode),
			comparedMemory(e.encode, base.encode), comparedMemory(e.decode, base.decode))
	}
	r := &report.Report{}
	r.Add(
		report.Paragraph(fmt.Sprintf("One image of %d x %d x %d float32 values, %s bytes of them, as a request message. × is against the first row.",
			model.ImageSize, model.ImageSize, model.ImageChannels, report.Count(4*model.ImageValues))), t,
		report.Paragraph("Encoding and decoding are the codecs that the server and the Go client use, into and out of buffers that are used again, as there. "+
			"Allocations are the bytes that one message takes from the heap, and in how many pieces."))
	return r, nil
}

// setBenchTime makes testing.Benchmark take that long.
func setBenchTime(d time.Duration) error {
	testing.Init()
	return flag.Set("test.benchtime", d.String())
}

// check encodes the message, decodes it, and compares the two. What it encodes is
// what is decoded from then on: in the stable form, since protojson puts blanks
// between values in one build and none in the next.
func (e *encoding) check(ctx context.Context) error {
	var buffer bytes.Buffer
	if err := e.codec.MarshalWriteStable(ctx, &buffer, e.message); err != nil {
		return err
	}
	e.wire = bytes.Clone(buffer.Bytes())
	decoded := e.empty()
	if err := e.codec.UnmarshalRead(ctx, &buffer, decoded); err != nil {
		return err
	}
	if !proto.Equal(decoded, e.message) {
		return errors.New("the message came back as another")
	}
	return nil
}

// measure adds one round.
func (e *encoding) measure(ctx context.Context) error {
	var failed error
	var buffer bytes.Buffer
	encode := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buffer.Reset()
			if failed = e.codec.MarshalWrite(ctx, &buffer, e.message); failed != nil {
				b.FailNow()
			}
		}
	})
	if failed != nil {
		return failed
	}
	decode := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buffer = *bytes.NewBuffer(e.wire)
			if failed = e.codec.UnmarshalRead(ctx, &buffer, e.empty()); failed != nil {
				b.FailNow()
			}
		}
	})
	e.encode, e.decode = append(e.encode, encode), append(e.decode, decode)
	return errors.Join(failed, ctx.Err())
}

func comparedTime(rounds, base []testing.BenchmarkResult) string {
	value, of := report.MedianOf(rounds, timePerOp), report.MedianOf(base, timePerOp)
	return report.Compared(report.Time(value), value, of)
}

func timePerOp(r testing.BenchmarkResult) time.Duration { return time.Duration(r.NsPerOp()) }

// leastMemory is what a message must allocate to be compared with: below it are the
// buffers that are made anew after a garbage collection, shared out.
const leastMemory = 1 << 10

// comparedMemory writes the bytes and the number of allocations of a message, with
// the bytes' ratio to a base.
func comparedMemory(rounds, base []testing.BenchmarkResult) string {
	value, of := report.MedianOf(rounds, testing.BenchmarkResult.AllocedBytesPerOp), report.MedianOf(base, testing.BenchmarkResult.AllocedBytesPerOp)
	figure := fmt.Sprintf("%s in %s", report.Bytes(value), report.Count(report.MedianOf(rounds, testing.BenchmarkResult.AllocsPerOp)))
	if of < leastMemory {
		return figure
	}
	return report.Compared(figure, value, of)
}
