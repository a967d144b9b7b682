package messagejson_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/transport/wire/messagejson"
)

// BenchmarkUnmarshal reads an image of 224 x 224 pixels.
func BenchmarkUnmarshal(b *testing.B) {
	numbers := `{"modelName":"m","tensorData":[` + repeat("0.47058824,0.003921569,1,0.7411765", 224*224*3/4) + `]}`
	image := `{"modelName":"m","rawImage":"` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("tensor", 224*224*3*4/6))) + `"}`
	for name, text := range map[string]string{"numbers": numbers, "base64": image} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := unmarshal([]byte(text), &modelserving.InferenceRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/protojson", func(b *testing.B) {
			for b.Loop() {
				if err := options.Unmarshal([]byte(text), &modelserving.InferenceRequest{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppend writes a response of 150,528 numbers.
func BenchmarkAppend(b *testing.B) {
	var m proto.Message = &modelserving.InferenceResponse{Predictions: floats(224 * 224 * 3)}
	var dst []byte
	b.Run("numbers", func(b *testing.B) {
		for b.Loop() {
			dst, _ = messagejson.Append(dst[:0], m, protojson.MarshalOptions{})
		}
	})
	b.Run("numbers/protojson", func(b *testing.B) {
		for b.Loop() {
			dst, _ = protojson.MarshalOptions{}.MarshalAppend(dst[:0], m)
		}
	})
}
