package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/load"
)

// Sizes of payloads: a few numbers, an image of 224 x 224 x 3 float32 values, and a large
// batch of such images.
const (
	smallBytes = 16
	imageBytes = 4 * model.ImageValues
	largeBytes = 20_000_000
)

func newPayload(size int) []byte {
	payload := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(payload) // it never fails
	return payload
}

// newImage returns an image as a client sends it after preprocessing: channel by channel,
// normalized with the mean and standard deviation of ImageNet. The values are those of
// 8-bit pixels, so that they have as many digits in JSON as real ones.
func newImage() []float32 {
	mean := [model.ImageChannels]float32{0.485, 0.456, 0.406}
	deviation := [model.ImageChannels]float32{0.229, 0.224, 0.225}
	random := rand.New(rand.NewPCG(3, 4))
	values := make([]float32, model.ImageValues)
	for i := range values {
		channel := i / (model.ImageSize * model.ImageSize)
		values[i] = (float32(random.IntN(256))/255 - mean[channel]) / deviation[channel]
	}
	return values
}

// digitSize is the width and height of the images of the model digits.
const digitSize = 28

// drawSeven returns a digit as a gray PNG.
func drawSeven() []byte {
	seven := image.NewGray(image.Rect(0, 0, digitSize, digitSize))
	for i := range 14 {
		for t := range 3 { // its thickness
			seven.SetGray(7+i, 6+t, color.Gray{Y: 255})        // the bar
			seven.SetGray(20-i/2+t-1, 7+i, color.Gray{Y: 255}) // the stem
			seven.SetGray(22-i/2, 7+i, color.Gray{Y: 96})      // and its soft edge
		}
	}
	var encoded bytes.Buffer
	_ = png.Encode(&encoded, seven) // into memory
	return encoded.Bytes()
}

const (
	// plainModel takes a few milliseconds for an image of plainSize x plainSize pixels,
	// 3 kB: small requests leave most of the shared cores to the server.
	plainModel = "plain16"
	plainSize  = 16
)

func plain() servedModel {
	return servedModel{name: plainModel, graph: model.Plain(plainSize, 8, 128)}
}

func (b *bench) plainRequest() *modelserving.FastInferenceRequest {
	r := b.imageAsBytes(plainModel)
	r.RawImage = tensor.AsBytes(b.image[:model.ImageChannels*plainSize*plainSize])
	r.Shape = []int64{1, model.ImageChannels, plainSize, plainSize}
	return r
}

func (b *bench) imageAsBytes(name string) *modelserving.FastInferenceRequest {
	return &modelserving.FastInferenceRequest{ModelName: name, RawImage: tensor.AsBytes(b.image), Datatype: "FP32", Layout: "NCHW"}
}

func (b *bench) imageAsFloats(name string) *modelserving.InferenceRequest {
	return &modelserving.InferenceRequest{ModelName: name, TensorData: b.image}
}

// newInferRequest is a request of the Open Inference Protocol with one input of FP32.
func newInferRequest(name, input string, shape []int64, data []byte) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName:        name,
		Inputs:           []*inference.ModelInferRequest_InferInputTensor{{Name: input, Datatype: tensor.FP32.String(), Shape: shape}},
		RawInputContents: [][]byte{data},
	}
}

func newIdentityRequest(payload []byte) *inference.ModelInferRequest {
	return newInferRequest(identityModel, "input", []int64{int64(len(payload) / 4)}, payload)
}

// newLoadClient returns the client that needs little CPU.
func newLoadClient(base string) *load.Client {
	return load.NewClient(strings.TrimPrefix(base, "http://"))
}

// inferCall returns a call of ModelInfer by the client that needs little CPU, with the
// first values of the image. The only output of the response must have outputs values.
func (b *bench) inferCall(c *load.Client, name, input string, shape tensor.Shape, outputs int) call {
	elements, _ := shape.Elements() // the shapes are constants
	message, invalid := proto.Marshal(newInferRequest(name, input, shape, tensor.AsBytes(b.image[:elements])))
	request := load.NewRequest(inferenceconnect.GRPCInferenceServiceModelInferProcedure, message, 0)
	return func(ctx context.Context, _ int) error {
		if invalid != nil {
			return invalid
		}
		return c.Call(ctx, request, func(message []byte) error {
			var res inference.ModelInferResponse
			if err := proto.Unmarshal(message, &res); err != nil {
				return err
			}
			return hasSize(4 * outputs)(&res)
		})
	}
}

// check returns an error for a wrong response: a server that fails fast would seem fast.
type check func(*inference.ModelInferResponse) error

// hasLength checks that the server counted size bytes.
func hasLength(size int) check {
	return func(res *inference.ModelInferResponse) error {
		if raw := contentsOf(res); len(raw) != 8 || binary.LittleEndian.Uint64(raw) != uint64(size) {
			return fmt.Errorf("the server counted % x, want %d", raw, size)
		}
		return nil
	}
}

func hasSize(size int) check {
	return func(res *inference.ModelInferResponse) error {
		if n := len(contentsOf(res)); n != size {
			return fmt.Errorf("the response has %d bytes, want %d", n, size)
		}
		return nil
	}
}

// isPayload checks the length of a response, and a byte of each 4 KiB and the last one: to
// compare all would be most of the client's work.
func isPayload(payload []byte) check {
	return func(res *inference.ModelInferResponse) error {
		if err := hasSize(len(payload))(res); err != nil {
			return err
		}
		raw, last := contentsOf(res), len(payload)-1
		for i := 0; i <= last; i += 4096 {
			if raw[i] != payload[i] || raw[last] != payload[last] {
				return fmt.Errorf("byte %d or %d of the response is wrong", i, last)
			}
		}
		return nil
	}
}

func contentsOf(res *inference.ModelInferResponse) []byte {
	if len(res.GetRawOutputContents()) == 0 {
		return nil
	}
	return res.GetRawOutputContents()[0]
}
