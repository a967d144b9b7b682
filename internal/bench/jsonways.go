package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/bench/model"
)

// newNumbers returns the kinds of values that clients send, with their texts, checked.
func newNumbers(image *picture) ([]*numbers, error) {
	random := rand.New(rand.NewPCG(5, 6))
	draw := func(next func() float32) []float32 {
		values := make([]float32, model.ImageValues)
		for i := range values {
			values[i] = next()
		}
		return values
	}
	uniform := draw(random.Float32)
	all := []*numbers{
		{name: "uniform, 0 to 1", values: uniform},
		{name: "uniform, nested", values: uniform},
		{name: "normalised pixels", values: image.values},
		{name: "whole, 0 to 255", values: draw(func() float32 { return float32(random.IntN(256)) })},
		{name: "small, with exponents", values: draw(func() float32 { return float32(random.NormFloat64() * 1e-8) })},
	}
	for i, n := range all {
		if i == 1 {
			n.ways = []*numbersWay{nestedRequest(n.values), nestedArray(n.values), nil}
		} else {
			n.ways = []*numbersWay{flatRequest(n.values), flatArray(n.values), protoRequest(n.values)}
		}
		for _, way := range n.ways {
			if err := way.prepare(n.values); err != nil {
				return nil, fmt.Errorf("%s: %w", n.name, err)
			}
		}
	}
	return all, nil
}

// prepare makes the text that is read, where there is none, and checks it.
func (w *numbersWay) prepare(values []float32) error {
	if w == nil {
		return nil
	}
	if w.text == nil {
		text, err := w.encode(nil)
		if err != nil {
			return err
		}
		// protojson puts blanks between values in one build and none in the next.
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			return err
		}
		w.text = compact.Bytes()
	}
	return w.check(values)
}

// imageShape is the shape of the values.
func imageShape() tensor.Shape {
	return tensor.Shape{1, model.ImageChannels, model.ImageSize, model.ImageSize}
}

// requestHead is a REST request up to its data.
const requestHead = `{"inputs":[{"name":"input","shape":[1,3,224,224],"datatype":"FP32","data":`

// flatRequest is a REST request, read and written as the server does that.
func flatRequest(values []float32) *numbersWay {
	in := tensor.Tensor{DataType: tensor.FP32, Shape: imageShape(), Data: tensor.AsBytes(values)}
	return &numbersWay{decode: decodeRequest, encode: func(dst []byte) ([]byte, error) {
		dst, err := tensorjson.AppendData(append(dst, requestHead...), "input", in)
		return append(dst, "}]}"...), err
	}}
}

// nestedRequest is the request as a client writes it that has an array of arrays. The
// server writes none.
func nestedRequest(values []float32) *numbersWay {
	data, _ := json.Marshal(nest(values)) // finite numbers always can be
	return &numbersWay{text: append(append([]byte(requestHead), data...), "}]}"...), decode: decodeRequest}
}

// flatArray is an array in the standard library.
func flatArray(values []float32) *numbersWay {
	return &numbersWay{decode: func(text []byte) ([]float32, error) {
		values := make([]float32, 0, model.ImageValues)
		err := json.Unmarshal(text, &values)
		return values, err
	}, encode: func([]byte) ([]byte, error) { return json.Marshal(values) }}
}

// nestedArray is an array of arrays in the standard library.
func nestedArray(values []float32) *numbersWay {
	data, _ := json.Marshal(nest(values)) // finite numbers always can be
	return &numbersWay{text: data, decode: func(text []byte) ([]float32, error) {
		var planes [][][][]float32
		if err := json.Unmarshal(text, &planes); err != nil {
			return nil, err
		}
		return slices.Concat(slices.Concat(slices.Concat(planes...)...)...), nil
	}}
}

// nest returns the values as arrays of the image's shape.
func nest(values []float32) [][][][]float32 {
	var planes [][][]float32
	for plane := range slices.Chunk(values, model.ImageSize*model.ImageSize) {
		planes = append(planes, slices.Collect(slices.Chunk(plane, model.ImageSize)))
	}
	return [][][][]float32{planes}
}

// protoRequest is the protocol's message in Protobuf's own JSON.
func protoRequest(values []float32) *numbersWay {
	message := &inference.ModelInferRequest{
		ModelName: imageModel,
		Inputs: []*inference.ModelInferRequest_InferInputTensor{{
			Name: "input", Datatype: "FP32", Shape: imageShape(), Contents: &inference.InferTensorContents{Fp32Contents: values},
		}},
	}
	return &numbersWay{decode: func(text []byte) ([]float32, error) {
		decoded := new(inference.ModelInferRequest)
		if err := protojson.Unmarshal(text, decoded); err != nil {
			return nil, err
		}
		return decoded.GetInputs()[0].GetContents().GetFp32Contents(), nil
	}, encode: func(dst []byte) ([]byte, error) { return protojson.MarshalOptions{}.MarshalAppend(dst, message) }}
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
