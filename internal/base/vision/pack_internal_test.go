package vision

import (
	"image"
	"image/color"
	"testing"
)

// TestPackEqualsColorModels compares every loop of pack with the standard library's
// conversion of the same pixel.
func TestPackEqualsColorModels(t *testing.T) {
	const width, height = 13, 7 // odd, so that shared chroma ends half way
	r := image.Rect(0, 0, width, height)
	noise := func(pix []byte) {
		for i := range pix {
			pix[i] = byte(i*i*31 + i*7)
		}
	}
	images := map[string]image.Image{}
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		m := image.NewYCbCr(r, ratio)
		noise(m.Y)
		noise(m.Cb)
		noise(m.Cr[1:])
		images[ratio.String()] = m
	}
	nrgba, gray, cmyk, wide := image.NewNRGBA(r), image.NewGray(r), image.NewCMYK(r), image.NewRGBA64(r)
	noise(nrgba.Pix)
	noise(gray.Pix)
	noise(cmyk.Pix)
	noise(wide.Pix)
	for i := 6; i < len(wide.Pix); i += 8 {
		wide.Pix[i], wide.Pix[i+1] = 255, 255 // opaque: the colour is not divided
	}
	images["NRGBA"], images["Gray"], images["CMYK"], images["RGBA64"] = nrgba, gray, cmyk, wide
	for name, src := range images {
		m, err := pack(PNG, nil, src)
		if err != nil {
			t.Fatal(err)
		}
		got := m.RGB()
		for y := range height {
			for x := range width {
				var want [3]int
				switch c := src.At(x, y).(type) {
				case color.NRGBA:
					want = [3]int{int(c.R), int(c.G), int(c.B)}
				default:
					r, g, b, _ := c.RGBA()
					want = [3]int{int(r >> 8), int(g >> 8), int(b >> 8)}
				}
				for c, v := range got.row(y)[3*x : 3*x+3] {
					// Pillow rounds, color.CMYK truncates.
					if d := int(v) - want[c]; d != 0 && (name != "CMYK" || d < -1 || d > 1) {
						t.Fatalf("%s at %d, %d: %v, want %v", name, x, y, got.row(y)[3*x:3*x+3], want)
					}
				}
			}
		}
	}
}

func TestUnpremultiply(t *testing.T) {
	for _, test := range []struct{ from, want [4]byte }{
		{[4]byte{10, 20, 30, 255}, [4]byte{10, 20, 30}},
		{[4]byte{10, 20, 30, 0}, [4]byte{0, 0, 0}},
		{[4]byte{50, 100, 0, 100}, [4]byte{127, 255, 0}},
		{[4]byte{200, 0, 0, 100}, [4]byte{255, 0, 0}},
	} {
		var got [3]byte
		unpremultiply(got[:], test.from[:])
		if got != [3]byte(test.want[:3]) {
			t.Errorf("unpremultiply(%v) = %v, want %v", test.from, got, test.want)
		}
	}
}

// TestStudioRange checks that lossy WebP's black is 16 and its white 235.
func TestStudioRange(t *testing.T) {
	for y, want := range map[byte]byte{0: 0, 16: 0, 235: 255, 255: 255, 126: 128} {
		var got [3]byte
		studioRange.row(got[:], []byte{y}, []byte{128}, []byte{128}, 1)
		if got != [3]byte{want, want, want} {
			t.Errorf("luma %d is %v, want %d", y, got, want)
		}
	}
}

// TestAxisCacheIsBounded checks the bound, because clients choose the sizes.
func TestAxisCacheIsBounded(t *testing.T) {
	for i := range 3 * maxAxes {
		axisFor(axisKey{in: 100 + i, out: 10, size: 10, filter: Bilinear})
	}
	axisFor(axisKey{in: maxSide, out: 10, size: 10, filter: Lanczos})
	axes.Lock()
	defer axes.Unlock()
	if len(axes.byKey) > maxAxes {
		t.Errorf("the cache holds %d axes, at most %d", len(axes.byKey), maxAxes)
	}
	for key, a := range axes.byKey {
		if len(a.weights) > maxAxisWeights {
			t.Errorf("%+v has %d weights in the cache", key, len(a.weights))
		}
	}
}
