package tensorjson_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// image is the input shape of most image models.
var image = tensor.Shape{1, 224, 224, 3}

const imageValues = 224 * 224 * 3

// text is an image's values as a client sends them.
type text struct {
	name     string
	datatype tensor.DataType
	shape    tensor.Shape
	json     []byte
}

func texts(tb testing.TB) []text {
	tb.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	pixels, scaled, normalised, wide, small := make([]int, imageValues), make([]float32, imageValues), make([]float32, imageValues), make([]float64, imageValues), make([]float32, imageValues)
	words := make([]string, imageValues/16)
	for i := range pixels {
		pixels[i] = random.IntN(256)
		scaled[i] = float32(pixels[i]) / 255
		normalised[i] = (scaled[i] - 0.456) / 0.224
		wide[i] = float64(normalised[i])
		small[i] = random.Float32() * 1e-6
	}
	for i := range words {
		words[i] = "word number " + fmt.Sprint(pixels[i])
	}
	marshal := func(v any) []byte {
		out, err := json.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		return out
	}
	nested := make([][][][]float32, 1)
	nested[0] = make([][][]float32, 224)
	for y := range nested[0] {
		nested[0][y] = make([][]float32, 224)
		for x := range nested[0][y] {
			nested[0][y][x] = normalised[(y*224+x)*3:][:3]
		}
	}
	return []text{
		{"normalised", tensor.FP32, image, marshal(normalised)},
		{"normalised-spaced", tensor.FP32, image, []byte(strings.ReplaceAll(string(marshal(normalised)), ",", ", "))},
		{"normalised-nested", tensor.FP32, image, marshal(nested)},
		{"normalised-17-digits", tensor.FP32, image, marshal(wide)},
		{"normalised-fp64", tensor.FP64, image, marshal(wide)},
		{"normalised-fp16", tensor.FP16, image, marshal(normalised)},
		{"normalised-bf16", tensor.BF16, image, marshal(normalised)},
		{"scaled", tensor.FP32, image, marshal(scaled)},
		{"small", tensor.FP32, image, marshal(small)},
		{"pixels-fp32", tensor.FP32, image, marshal(pixels)},
		{"pixels-uint8", tensor.Uint8, image, marshal(pixels)},
		{"pixels-int64", tensor.Int64, image, marshal(pixels)},
		{"strings", tensor.Bytes, tensor.Shape{imageValues / 16}, marshal(words)},
	}
}

func BenchmarkData(b *testing.B) {
	for _, text := range texts(b) {
		b.Run(text.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text.json)))
			for b.Loop() {
				s := tensorjson.NewScanner(text.json)
				s.Data(nil, text.datatype, text.shape)
				if err := s.End(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	flat := texts(b)[0].json
	b.Run("normalised/skip", func(b *testing.B) {
		b.SetBytes(int64(len(flat)))
		for b.Loop() {
			s := tensorjson.NewScanner(flat)
			s.Skip()
			if err := s.End(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("normalised/encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(flat)))
		for b.Loop() {
			var values []float32
			if err := json.Unmarshal(flat, &values); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendData(b *testing.B) {
	for _, text := range texts(b) {
		s := tensorjson.NewScanner(text.json)
		in := tensor.Tensor{DataType: text.datatype, Shape: text.shape, Data: s.Data(nil, text.datatype, text.shape)}
		b.Run(text.name, func(b *testing.B) {
			var buffer []byte
			for b.Loop() {
				var err error
				if buffer, err = tensorjson.AppendData(buffer[:0], "out", in); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(buffer)))
		})
	}
	var values []float32
	if err := json.Unmarshal(texts(b)[0].json, &values); err != nil {
		b.Fatal(err)
	}
	b.Run("normalised/encoding-json", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(values); err != nil {
				b.Fatal(err)
			}
		}
	})
}
