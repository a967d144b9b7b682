package vision_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"runtime"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// A decoder allocates no more than Measure returns, with its garbage.
func TestMeasureBoundsDecode(t *testing.T) {
	r := image.Rect(0, 0, 256, 256)
	noise := rand.New(rand.NewPCG(1, 2))
	fill := func(pix []byte) {
		for i := range pix {
			pix[i] = byte(noise.Uint32())
		}
	}
	rgba, deep, gray, gray16 := image.NewNRGBA(r), image.NewNRGBA64(r), image.NewGray(r), image.NewGray16(r)
	paletted := image.NewPaletted(r, color.Palette{color.Black, color.White})
	fill(rgba.Pix)
	fill(deep.Pix)
	fill(gray.Pix)
	fill(gray16.Pix)
	encoders := map[string]func(*bytes.Buffer) error{
		"jpeg":             func(b *bytes.Buffer) error { return jpeg.Encode(b, rgba, nil) },
		"gray jpeg":        func(b *bytes.Buffer) error { return jpeg.Encode(b, gray, nil) },
		"png":              func(b *bytes.Buffer) error { return png.Encode(b, rgba) },
		"16-bit png":       func(b *bytes.Buffer) error { return png.Encode(b, deep) },
		"16-bit gray png":  func(b *bytes.Buffer) error { return png.Encode(b, gray16) },
		"png of a palette": func(b *bytes.Buffer) error { return png.Encode(b, paletted) },
		"gif":              func(b *bytes.Buffer) error { return gif.Encode(b, paletted, nil) },
		"bmp":              func(b *bytes.Buffer) error { return bmp.Encode(b, rgba) },
		"tiff":             func(b *bytes.Buffer) error { return tiff.Encode(b, rgba, nil) },
		"16-bit tiff":      func(b *bytes.Buffer) error { return tiff.Encode(b, deep, nil) },
	}
	files := map[string][]byte{"webp of one color": webpOfOneColor(256, 256)}
	reversed := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, compression: 8, fillOrder: 2}
	reversed.width, reversed.height, reversed.pixels = 256, 256, make([]int, 1<<16)
	for i := range reversed.pixels {
		reversed.pixels[i] = noise.IntN(256)
	}
	files["tiff of reversed bits"] = reversed.encode()
	for name, encode := range encoders {
		var file bytes.Buffer
		if err := encode(&file); err != nil {
			t.Fatal(err)
		}
		files[name] = file.Bytes()
	}
	for name, data := range files {
		t.Run(name, func(t *testing.T) {
			cost, err := vision.Measure(data, vision.Limits{})
			if err != nil || cost.Width != 256 || cost.Height != 256 {
				t.Fatalf("%+v, %v", cost, err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := vision.Decode(data, vision.Limits{}); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > cost.Bytes {
				t.Errorf("Decode allocated %d bytes, %.1f a pixel; Measure returned %d", spent, float64(spent)/(1<<16), cost.Bytes)
			}
		})
	}
}

// webpOfOneColor returns a lossless WebP whose pixels take no bits (WebP lossless bitstream
// specification).
func webpOfOneColor(width, height int) []byte {
	var bits []byte
	n := 0
	put := func(value uint32, count int) {
		for i := range count {
			if n%8 == 0 {
				bits = append(bits, 0)
			}
			bits[n/8] |= byte(value>>i&1) << (n % 8)
			n++
		}
	}
	put(0x2f, 8)
	put(uint32(width-1), 14)
	put(uint32(height-1), 14)
	put(0, 1+3) // no alpha, version 0
	put(0, 1)   // no transform
	put(0, 1)   // no color cache
	put(0, 1)   // no meta prefix codes
	for range 5 {
		put(1, 1) // a simple code
		put(0, 1) // of one symbol
		put(0, 1) // that has one bit
		put(0, 1) // and is 0
	}
	chunk := append([]byte("VP8L"), byte(len(bits)), 0, 0, 0)
	chunk = append(chunk, bits...)
	if len(bits)%2 == 1 {
		chunk = append(chunk, 0)
	}
	return append([]byte{'R', 'I', 'F', 'F', byte(4 + len(chunk)), 0, 0, 0, 'W', 'E', 'B', 'P'}, chunk...)
}

func TestMeasureRejectsByTheHeader(t *testing.T) {
	if _, err := vision.Measure(pngHeader(65535, 65535), vision.Limits{}); !errors.Is(err, vision.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := vision.Measure([]byte("hello"), vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) {
		t.Errorf("no image: %v", err)
	}
}
