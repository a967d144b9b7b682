package vision_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/draw"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// photo returns an image with detail at every scale, which compresses about as well as
// a photograph.
func photo(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x ^ y), uint8(x*x/97 + y), uint8(x + y*y/89), 255})
		}
	}
	return m
}

// packed returns photo as an Image.
func packed(tb testing.TB, w, h int) *vision.Image {
	tb.Helper()
	m, err := vision.FromPixels(photo(w, h).Pix, w, h, 4)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func BenchmarkDecode(b *testing.B) {
	m := photo(1920, 1080)
	var asJPEG, asPNG bytes.Buffer
	if err := jpeg.Encode(&asJPEG, m, nil); err != nil {
		b.Fatal(err)
	}
	if err := png.Encode(&asPNG, m); err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name string
		data []byte
	}{{"jpeg", asJPEG.Bytes()}, {"png", asPNG.Bytes()}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := vision.Decode(bench.data, vision.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("jpeg-standard-library", func(b *testing.B) {
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(asJPEG.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkResize compares Apply with x/image/draw, whose fast path needs RGBA. Both
// shrink 1920 x 1080 to 224 x 224.
func BenchmarkResize(b *testing.B) {
	rgba, m := photo(1920, 1080), packed(b, 1920, 1080)
	target := vision.Target{Width: 224, Height: 224, Channels: 3}
	for _, f := range []vision.Filter{vision.Bilinear, vision.Bicubic, vision.Lanczos} {
		b.Run("ours/"+f.String(), func(b *testing.B) {
			p := vision.DefaultPreprocess()
			p.Resample = f
			dst := make([]byte, 3*224*224)
			for b.Loop() {
				if err := p.ApplyUint8(dst, m, target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, scaler := range map[string]draw.Interpolator{"bilinear": draw.BiLinear, "catmullrom": draw.CatmullRom} {
		b.Run("draw/"+name, func(b *testing.B) {
			dst := image.NewRGBA(image.Rect(0, 0, 224, 224))
			for b.Loop() {
				scaler.Scale(dst, dst.Rect, rgba, rgba.Rect, draw.Src, nil)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	vit, err := vision.ParsePreprocess([]byte(`{"image_processor_type": "ViTImageProcessor"}`))
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name   string
		p      *vision.Preprocess
		w, h   int
		target vision.Target
	}{
		{"photo", vit, 1920, 1080, vision.Target{Width: 224, Height: 224, Channels: 3}},
		{"thumbnail", vit, 256, 256, vision.Target{Width: 224, Height: 224, Channels: 3}},
		{"digit", vision.DefaultPreprocess(), 28, 28, vision.Target{Width: 28, Height: 28, Channels: 1}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			m := packed(b, bench.w, bench.h)
			dst := make([]float32, bench.target.Channels*bench.target.Width*bench.target.Height)
			for b.Loop() {
				if err := bench.p.Apply(dst, m, bench.target); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
