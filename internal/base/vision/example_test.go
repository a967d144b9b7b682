package vision_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"log"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// Converts the bytes of a request to the input of a model of 3 x 224 x 224 in NCHW.
func Example() {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewRGBA(image.Rect(0, 0, 640, 480))); err != nil {
		log.Fatal(err)
	}
	target := vision.Target{Width: 224, Height: 224, Channels: 3, Layout: vision.NCHW}

	// Once, when the model is loaded.
	preprocess, err := vision.ParsePreprocess([]byte(`{
		"image_processor_type": "CLIPImageProcessor",
		"size": {"shortest_edge": 224}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	if err := preprocess.Validate(target); err != nil {
		log.Fatal(err)
	}

	// For each request.
	m, err := vision.Decode(file.Bytes(), vision.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	w, h, err := preprocess.OutputSize(target, m.Width, m.Height)
	if err != nil {
		log.Fatal(err)
	}
	tensor := make([]float32, target.Channels*h*w)
	if err := preprocess.Apply(tensor, m, target); err != nil {
		log.Fatal(err)
	}
	fmt.Println(vision.Sniff(file.Bytes()), m.Width, m.Height, len(tensor))
	// Output: png 640 480 150528
}
