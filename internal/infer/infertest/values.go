package infertest

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// Ramp returns 0, 1, 2 and so on.
func Ramp(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	return values
}

// PNG returns an encoded image of the colors that at returns.
func PNG(t testing.TB, width, height int, at func(x, y int) color.Color) []byte {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			picture.Set(x, y, at(x, y))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
