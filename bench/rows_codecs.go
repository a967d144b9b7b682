package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/internal/load"
)

// codec is a way to encode values. Tables leave a nil one out.
type codec struct {
	name string
	wire []byte
	// decode allocates the result, which is nil for a message. encode appends to dst; nil:
	// it does not exist.
	decode func(wire []byte) ([]float32, error)
	encode func(dst []byte) ([]byte, error)

	encoding, decoding []testing.BenchmarkResult // one per round
}

// measureCodecs measures each codec in each round, for about this time.
func (b *bench) measureCodecs(ctx context.Context, duration time.Duration, codecs ...*codec) error {
	testing.Init()
	err := flag.Set("test.benchtime", duration.String())
	measure := func(do func() error) testing.BenchmarkResult {
		return testing.Benchmark(func(tb *testing.B) {
			tb.ReportAllocs()
			for tb.Loop() {
				if err = do(); err != nil {
					tb.FailNow()
				}
			}
		})
	}
	for range b.rounds {
		for _, c := range codecs {
			if c.encode != nil {
				var buffer []byte
				c.encoding = append(c.encoding, measure(func() (err error) { buffer, err = c.encode(buffer[:0]); return err }))
			}
			c.decoding = append(c.decoding, measure(func() error { _, err := c.decode(c.wire); return err }))
			if err := errors.Join(err, ctx.Err()); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

// comparedTime formats the time per operation with its ratio to base.
func comparedTime(rounds, base []testing.BenchmarkResult) string {
	if len(rounds) == 0 {
		return "–"
	}
	value, of := load.MedianOf(rounds, testing.BenchmarkResult.NsPerOp), load.MedianOf(base, testing.BenchmarkResult.NsPerOp)
	return report.Compared(report.Time(time.Duration(value)), value, of)
}

// comparedMemory formats the bytes and the number of allocations per operation. Below 1 kB
// they are pooled buffers that a garbage collection freed, without a ratio.
func comparedMemory(rounds, base []testing.BenchmarkResult) string {
	if len(rounds) == 0 {
		return "–"
	}
	value, of := load.MedianOf(rounds, testing.BenchmarkResult.AllocedBytesPerOp), load.MedianOf(base, testing.BenchmarkResult.AllocedBytesPerOp)
	figure := fmt.Sprintf("%s in %s", report.Bytes(value), report.Count(load.MedianOf(rounds, testing.BenchmarkResult.AllocsPerOp)))
	if of < 1<<10 {
		return figure
	}
	return report.Compared(figure, value, of)
}

// messageCodec is one of Connect's codecs with a message, checked.
func messageCodec(ctx context.Context, name string, c connect.StableCodec, message proto.Message) (*codec, error) {
	var stable, in, out bytes.Buffer
	// protojson adds blanks at random, except in the stable form.
	err := c.MarshalWriteStable(ctx, &stable, message)
	var decoded proto.Message
	one := &codec{name: name, wire: stable.Bytes(), encode: func([]byte) ([]byte, error) {
		out.Reset()
		err := c.MarshalWrite(ctx, &out, message)
		return out.Bytes(), err
	}, decode: func(wire []byte) ([]float32, error) {
		in = *bytes.NewBuffer(wire)
		decoded = message.ProtoReflect().New().Interface()
		return nil, c.UnmarshalRead(ctx, &in, decoded)
	}}
	if err == nil {
		_, err = one.decode(one.wire)
	}
	if err == nil && !proto.Equal(decoded, message) {
		err = errors.New("the decoded message differs")
	}
	return one, err
}

func encodings(ctx context.Context, b *bench) (report.Report, error) {
	binary, text := connectproto.NewBinaryCodec(), connectproto.NewJSONCodec()
	asBytes, asFloats := b.imageAsBytes(imageModel), b.imageAsFloats(imageModel)
	var all []*codec
	for _, c := range []struct {
		name    string
		codec   connect.StableCodec
		message proto.Message
	}{
		{"Protobuf, `bytes raw_image`", binary, asBytes},
		{"Protobuf, `repeated float tensor_data`", binary, asFloats},
		{"JSON, `rawImage` in base64", text, asBytes},
		{"JSON, `tensorData` as numbers", text, asFloats},
	} {
		one, err := messageCodec(ctx, c.name, c.codec, c.message)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, one)
	}
	if err := b.measureCodecs(ctx, b.duration, all...); err != nil {
		return nil, err
	}
	t, base := report.NewTable(1, "request", "bytes", "encode", "decode", "encode allocates", "decode allocates"), all[0]
	for _, c := range all {
		t.Row(c.name, report.Compared(report.Count(len(c.wire)), len(c.wire), len(base.wire)),
			comparedTime(c.encoding, base.encoding), comparedTime(c.decoding, base.decoding),
			comparedMemory(c.encoding, base.encoding), comparedMemory(c.decoding, base.decoding))
	}
	return report.Report{
		report.Paragraphf("A request message with one image of %d x %d x %d float32 values, %s bytes. × is against the first row.", model.ImageSize, model.ImageSize, model.ImageChannels, report.Count(imageBytes)), t,
		report.Paragraph("Encoding and decoding use connect-go's codecs, as the Go client does, with pooled buffers. The server reads and writes large values of JSON by a codec of its own: see the round trips. Allocations are bytes and number of heap allocations per message."),
	}, nil
}

// jsonNumbers compares readers and writers of a tensor as JSON numbers.
func jsonNumbers(ctx context.Context, b *bench) (report.Report, error) {
	random := rand.New(rand.NewPCG(5, 6))
	draw := func(next func() float32) []float32 {
		values := make([]float32, model.ImageValues)
		for i := range values {
			values[i] = next()
		}
		return values
	}
	uniform := draw(random.Float32)
	reading := report.NewTable(1, "read", "bytes", "Tensorwire", "`encoding/json`", "`protojson`", "Tensorwire allocates", "`protojson` allocates")
	writing := report.NewTable(1, "write", "bytes", "Tensorwire", "`encoding/json`", "`protojson`")
	var all []*codec
	for i, numbers := range []struct {
		name   string
		values []float32
	}{
		{"uniform, 0 to 1", uniform},
		{"uniform, nested", uniform},
		{"normalized pixels", b.image},
		{"integers, 0 to 255", draw(func() float32 { return float32(random.IntN(256)) })},
		{"small, with exponents", draw(func() float32 { return float32(random.NormFloat64() * 1e-8) })},
	} {
		codecs := flatNumbers(numbers.values)
		if i == 1 {
			codecs = nestedNumbers(numbers.values)
		}
		for _, c := range codecs {
			if c.name = numbers.name; c.wire == nil {
				c.wire, _ = c.encode(nil) // decoding finds errors
			}
			got, err := c.decode(c.wire)
			if err == nil && !slices.Equal(got, numbers.values) {
				err = errors.New("the decoded values differ")
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
		all = append(all, codecs...)
	}
	// There are many rows, so each takes a quarter of the time.
	if err := b.measureCodecs(ctx, b.duration/4, all...); err != nil {
		return nil, err
	}
	for len(all) > 0 {
		ours, std, pb := all[0], all[1], &codec{}
		if all = all[2:]; ours.encode != nil {
			pb, all = all[0], all[1:]
			writing.Row(ours.name, report.Count(len(ours.wire)), comparedTime(ours.encoding, ours.encoding), comparedTime(std.encoding, ours.encoding), comparedTime(pb.encoding, ours.encoding))
		}
		reading.Row(ours.name, report.Count(len(ours.wire)), comparedTime(ours.decoding, ours.decoding), comparedTime(std.decoding, ours.decoding), comparedTime(pb.decoding, ours.decoding),
			comparedMemory(ours.decoding, ours.decoding), comparedMemory(pb.decoding, ours.decoding))
	}
	return report.Report{
		report.Paragraphf("%s float32 values as JSON numbers. Tensorwire reads and writes a request of the Open Inference Protocol's REST API, `encoding/json` an array as `[]float32`, `protojson` the field `fp32_contents` of `ModelInferRequest`. × is against Tensorwire with the same values.", report.Count(model.ImageValues)), reading,
		report.Paragraph("Each reads into new memory; `encoding/json` into a slice of sufficient capacity. Nested arrays have the dimensions of the shape. `encoding/json` reads them as `[][][][]float32`; `protojson` has no such form."), writing,
		report.Paragraph("Each writes into a pooled buffer, except `encoding/json`, which cannot."),
	}, nil
}
