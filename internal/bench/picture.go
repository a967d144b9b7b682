package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/model"
)

// ImageNet's mean and standard deviation of each channel, with which most image
// models are trained.
var (
	imageMean   = [model.ImageChannels]float32{0.485, 0.456, 0.406}
	imageSpread = [model.ImageChannels]float32{0.229, 0.224, 0.225}
)

// picture is one image as a client sends it after preprocessing: channel by
// channel, normalised. Its values are those that 8-bit pixels give, so that they
// have as many digits in JSON as real ones.
type picture struct{ values []float32 }

func newPicture() *picture {
	random := rand.New(rand.NewPCG(3, 4))
	values := make([]float32, model.ImageValues)
	for i := range values {
		channel := i / (model.ImageSize * model.ImageSize)
		values[i] = (float32(random.IntN(256))/255 - imageMean[channel]) / imageSpread[channel]
	}
	return &picture{values: values}
}

// bytes returns the values as numpy's tobytes() does.
func (p *picture) bytes() []byte { return tensor.AsBytes(p.values) }

// asBytes is the request that carries the values as bytes.
func (p *picture) asBytes(name string) *modelserving.FastInferenceRequest {
	return &modelserving.FastInferenceRequest{ModelName: name, RawImage: p.bytes(), Datatype: "FP32", Layout: "NCHW"}
}

// asFloats is the request that carries the values as numbers.
func (p *picture) asFloats(name string) *modelserving.InferenceRequest {
	return &modelserving.InferenceRequest{ModelName: name, TensorData: p.values}
}

// digitSize is the width and height of the digits model's images.
const digitSize = 28

// drawSeven returns a digit as a grey PNG.
func drawSeven() ([]byte, error) {
	const thickness = 3
	seven := image.NewGray(image.Rect(0, 0, digitSize, digitSize))
	for i := range 14 {
		for t := range thickness {
			seven.SetGray(7+i, 6+t, color.Gray{Y: 255})               // the bar
			seven.SetGray(20-i/2+t-1, 7+i, color.Gray{Y: 255})        // the stem
			seven.SetGray(20-i/2+thickness-1, 7+i, color.Gray{Y: 96}) // and its soft edge
		}
	}
	var encoded bytes.Buffer
	err := png.Encode(&encoded, seven)
	return encoded.Bytes(), err
}
