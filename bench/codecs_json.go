package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// requestHead is a REST request up to its data.
const requestHead = `{"inputs":[{"name":"input","shape":[1,3,224,224],"datatype":"FP32","data":`

// flatNumbers returns Tensorwire's codec, encoding/json's and protojson's for values.
func flatNumbers(values []float32) []*codec {
	in := tensor.Tensor{DataType: tensor.FP32, Shape: imageShape(), Data: tensor.AsBytes(values)}
	message := newInferRequest(imageModel, "input", imageShape(), nil)
	message.RawInputContents = nil
	message.Inputs[0].Contents = &inference.InferTensorContents{Fp32Contents: values}
	encodeMessage := func(dst []byte) ([]byte, error) { return protojson.MarshalOptions{}.MarshalAppend(dst, message) }
	var compact bytes.Buffer // protojson adds blanks at random
	text, _ := encodeMessage(nil)
	_ = json.Compact(&compact, text) // decoding finds errors
	return []*codec{{decode: decodeRequest, encode: func(dst []byte) ([]byte, error) {
		dst, err := tensorjson.AppendData(append(dst, requestHead...), "input", in)
		return append(dst, "}]}"...), err
	}}, {decode: func(text []byte) ([]float32, error) {
		values := make([]float32, 0, model.ImageValues)
		err := json.Unmarshal(text, &values)
		return values, err
	}, encode: func([]byte) ([]byte, error) { return json.Marshal(values) }}, {wire: compact.Bytes(), decode: func(text []byte) ([]float32, error) {
		decoded := new(inference.ModelInferRequest)
		if err := protojson.Unmarshal(text, decoded); err != nil {
			return nil, err
		}
		return decoded.GetInputs()[0].GetContents().GetFp32Contents(), nil
	}, encode: encodeMessage}}
}

// nestedNumbers returns Tensorwire's and encoding/json's codecs for values as nested
// arrays. Tensorwire only reads them.
func nestedNumbers(values []float32) []*codec {
	var planes [][][]float32
	for plane := range slices.Chunk(values, model.ImageSize*model.ImageSize) {
		planes = append(planes, slices.Collect(slices.Chunk(plane, model.ImageSize)))
	}
	data, _ := json.Marshal([][][][]float32{planes}) // finite numbers have no errors
	request := slices.Concat([]byte(requestHead), data, []byte("}]}"))
	return []*codec{{wire: request, decode: decodeRequest}, {wire: data, decode: func(text []byte) ([]float32, error) {
		var nested [][][][]float32
		if err := json.Unmarshal(text, &nested); err != nil {
			return nil, err
		}
		return slices.Concat(slices.Concat(slices.Concat(nested...)...)...), nil
	}}}
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
