package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
	"github.com/tensorwire/tensorwire/internal/tensor"
	"github.com/tensorwire/tensorwire/internal/tensorjson"
)

// numbers is one way to read and write the picture as decimal numbers.
type numbers struct {
	name string
	wire []byte
	// decode reads the wire's values into memory that it makes; encode writes them
	// behind what dst has. Either may be missing.
	decode func(wire []byte) ([]float32, error)
	encode func(dst []byte) ([]byte, error)

	decoding, encoding []testing.BenchmarkResult // one of each round
}

// jsonNumbers compares what reads and writes a tensor as JSON numbers.
func jsonNumbers(ctx context.Context, b *bench) (*report.Report, error) {
	if err := b.setBenchTime(); err != nil {
		return nil, err
	}
	all, err := newNumbers(b.image)
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if err := n.check(b.image); err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
	}
	for range b.rounds {
		for _, n := range all {
			if err := errors.Join(n.measure(), ctx.Err()); err != nil {
				return nil, fmt.Errorf("%s: %w", n.name, err)
			}
		}
	}
	t := report.NewTable(1, "JSON", "bytes", "decode", "encode", "decode allocates")
	base := all[0]
	for _, n := range all {
		written := "–"
		if n.encode != nil {
			written = comparedTime(n.encoding, base.encoding)
		}
		t.Row(n.name, report.Count(int64(len(n.wire))), comparedTime(n.decoding, base.decoding), written, comparedMemory(n.decoding, base.decoding))
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("%s float32 values as JSON numbers. × is against the first row.", report.Count(model.ImageValues))), t,
		report.Paragraph("Each row decodes into memory that it makes, encoding/json into a slice that is large enough from the start, and encodes into a buffer that is used again, "+
			"but for encoding/json, which has no such way."))
	return r, nil
}

func newNumbers(image *picture) ([]*numbers, error) {
	flat := tensor.Shape{1, model.ImageChannels, model.ImageSize, model.ImageSize}
	nested := &numbers{name: "Open Inference Protocol REST, nested", wire: nestedRequest(image.values), decode: decodeRequest}
	oip := &numbers{name: "Open Inference Protocol REST, flat", decode: decodeRequest, encode: func(dst []byte) ([]byte, error) {
		in := tensor.Tensor{DataType: tensor.FP32, Shape: flat, Data: image.bytes()}
		dst = fmt.Appendf(dst, `{"inputs":[{"name":"input","shape":[1,%d,%d,%d],"datatype":"FP32","data":`, model.ImageChannels, model.ImageSize, model.ImageSize)
		dst, err := tensorjson.AppendData(dst, "input", in)
		return append(dst, "}]}"...), err
	}}
	standard := &numbers{name: "`encoding/json`, `[]float32`", decode: func(wire []byte) ([]float32, error) {
		values := make([]float32, 0, model.ImageValues)
		err := json.Unmarshal(wire, &values)
		return values, err
	}, encode: func(dst []byte) ([]byte, error) {
		text, err := json.Marshal(image.values)
		return append(dst, text...), err
	}}
	predictor := protoNumbers("`protojson`, `InferenceRequest.tensor_data`", image.asFloats(imageModel), func(m *modelserving.InferenceRequest) []float32 {
		return m.GetTensorData()
	})
	infer := protoNumbers("`protojson`, `ModelInferRequest` `fp32_contents`", &inference.ModelInferRequest{
		ModelName: imageModel,
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "input", Datatype: "FP32", Shape: flat, Contents: &inference.InferTensorContents{Fp32Contents: image.values},
		}},
	}, func(m *inference.ModelInferRequest) []float32 {
		return m.GetInputs()[0].GetContents().GetFp32Contents()
	})
	for _, n := range []*numbers{oip, standard, predictor, infer} {
		text, err := n.encode(nil)
		if err != nil {
			return nil, err
		}
		// protojson puts blanks between values in one build and none in the next.
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			return nil, err
		}
		n.wire = compact.Bytes()
	}
	return []*numbers{oip, nested, standard, predictor, infer}, nil
}

// protoNumbers is a message in Protobuf's own JSON.
func protoNumbers[T any, M interface {
	*T
	proto.Message
}](name string, message M, values func(M) []float32,
) *numbers {
	return &numbers{name: name, decode: func(wire []byte) ([]float32, error) {
		decoded := M(new(T))
		err := protojson.Unmarshal(wire, decoded)
		return values(decoded), err
	}, encode: func(dst []byte) ([]byte, error) {
		return protojson.MarshalOptions{}.MarshalAppend(dst, message)
	}}
}

// nestedRequest is the request as a client writes it that has an array of arrays.
func nestedRequest(values []float32) []byte {
	text := fmt.Appendf(nil, `{"inputs":[{"name":"input","shape":[1,%d,%d,%d],"datatype":"FP32","data":[[`, model.ImageChannels, model.ImageSize, model.ImageSize)
	for plane := range slices.Chunk(values, model.ImageSize*model.ImageSize) {
		text = append(text, '[')
		for row := range slices.Chunk(plane, model.ImageSize) {
			text, _ = tensorjson.AppendData(text, "input", tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{model.ImageSize}, Data: tensor.AsBytes(row)})
			text = append(text, ',')
		}
		text = append(text[:len(text)-1], "],"...)
	}
	return append(text[:len(text)-1], "]]}]}"...)
}

// decodeRequest reads a request as the server's REST API does.
func decodeRequest(wire []byte) ([]float32, error) {
	var in tensor.Tensor
	s := tensorjson.NewScanner(wire)
	for key := range s.Object() {
		if string(key) != "inputs" {
			continue
		}
		for range s.Array() {
			for key := range s.Object() {
				switch string(key) {
				case "shape":
					in.Shape = s.Shape()
				case "datatype":
					var err error
					if in.DataType, err = tensor.ParseDataType(string(s.Text())); err != nil {
						s.Fail(err)
					}
				case "data":
					in.Data = s.Data(nil, in.DataType, in.Shape)
				}
			}
		}
	}
	if err := s.End(); err != nil {
		return nil, err
	}
	return tensor.Float32s(in)
}

// check reads the wire and compares the values.
func (n *numbers) check(image *picture) error {
	values, err := n.decode(n.wire)
	if err == nil && !slices.Equal(values, image.values) {
		err = errors.New("the values came back as others")
	}
	return err
}

// measure adds one round.
func (n *numbers) measure() error {
	var failed error
	n.decoding = append(n.decoding, testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, failed = n.decode(n.wire); failed != nil {
				b.FailNow()
			}
		}
	}))
	if n.encode == nil || failed != nil {
		return failed
	}
	var buffer []byte
	n.encoding = append(n.encoding, testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if buffer, failed = n.encode(buffer[:0]); failed != nil {
				b.FailNow()
			}
		}
	}))
	return failed
}
