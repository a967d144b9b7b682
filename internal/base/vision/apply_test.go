package vision_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// pixels returns an Image. The data must match the shape.
func pixels(t *testing.T, width, height, channels int, data ...byte) *vision.Image {
	t.Helper()
	m, err := vision.FromPixels(data, width, height, channels)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFromPixels(t *testing.T) {
	data := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	if m := pixels(t, 4, 2, 1, data...); &m.Pix[0] != &data[0] || m.Channels != 1 {
		t.Errorf("gray pixels were copied: %+v", m)
	}
	if m := pixels(t, 2, 1, 4, data...); m.Channels != 3 || !bytes.Equal(m.Pix, []byte{1, 2, 3, 5, 6, 7}) {
		t.Errorf("alpha was not dropped: %+v", m)
	}
	for _, bad := range []struct {
		width, height, channels int
		message                 string
	}{
		{4, 1, 2, "2 channels"},
		{0, 8, 1, "0 wide and 8 high"},
		{8, -1, 1, "8 wide and -1 high"},
		{1 << 40, 1 << 40, 1, "each side must be 1 to 65535"},
		{3, 3, 1, "found 8 bytes of pixels for 3 x 3 x 1 (height x width x channels), which needs 9"},
	} {
		_, err := vision.FromPixels(data, bad.width, bad.height, bad.channels)
		if !errors.Is(err, vision.ErrShape) || !strings.Contains(err.Error(), bad.message) {
			t.Errorf("%d x %d x %d: %v", bad.width, bad.height, bad.channels, err)
		}
	}
}

func TestGrayAndRGB(t *testing.T) {
	colour := pixels(t, 4, 1, 3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255)
	if gray := colour.Gray(); !bytes.Equal(gray.Pix, []byte{76, 150, 29, 255}) {
		t.Errorf("Gray = %v", gray.Pix)
	}
	gray := pixels(t, 2, 1, 1, 7, 9)
	if rgb := gray.RGB(); rgb.Channels != 3 || !bytes.Equal(rgb.Pix, []byte{7, 7, 7, 9, 9, 9}) {
		t.Errorf("RGB = %+v", rgb)
	}
	if gray.Gray() != gray || colour.RGB() != colour {
		t.Error("an image that needs no conversion was copied")
	}
}

// TestApplyLayouts applies one image in each layout, channel count and order.
func TestApplyLayouts(t *testing.T) {
	colour := pixels(t, 2, 1, 3, 10, 20, 30, 40, 50, 60)
	gray := pixels(t, 2, 1, 1, 10, 40)
	plain, flipped := vision.DefaultPreprocess(), vision.DefaultPreprocess()
	flipped.FlipChannelOrder = true
	for _, test := range []struct {
		name   string
		p      *vision.Preprocess
		m      *vision.Image
		target vision.Target
		want   []byte
	}{
		{"nchw", plain, colour, vision.Target{Channels: 3}, []byte{10, 40, 20, 50, 30, 60}},
		{"nhwc", plain, colour, vision.Target{Channels: 3, Layout: vision.NHWC}, []byte{10, 20, 30, 40, 50, 60}},
		{"bgr nchw", flipped, colour, vision.Target{Channels: 3}, []byte{30, 60, 20, 50, 10, 40}},
		{"bgr nhwc", flipped, colour, vision.Target{Channels: 3, Layout: vision.NHWC}, []byte{30, 20, 10, 60, 50, 40}},
		{"gray to three", plain, gray, vision.Target{Channels: 3}, []byte{10, 40, 10, 40, 10, 40}},
		{"gray to three, nhwc", flipped, gray, vision.Target{Channels: 3, Layout: vision.NHWC}, []byte{10, 10, 10, 40, 40, 40}},
		{"gray to one", plain, gray, vision.Target{Channels: 1}, []byte{10, 40}},
		{"colour to one", plain, colour, vision.Target{Channels: 1}, []byte{18, 48}},
		{"one side free keeps the aspect ratio", plain, gray, vision.Target{Height: 2, Channels: 1}, []byte{10, 18, 33, 40, 10, 18, 33, 40}},
		{"the width given", plain, gray, vision.Target{Width: 1, Channels: 1}, []byte{25}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := make([]byte, len(test.want))
			if err := test.p.ApplyUint8(got, test.m, test.target); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, test.want) {
				t.Errorf("ApplyUint8 = %v, want %v", got, test.want)
			}
			scaled := make([]float32, len(test.want))
			if err := test.p.Apply(scaled, test.m, test.target); err != nil {
				t.Fatal(err)
			}
			for i, v := range scaled {
				if v != float32(float64(test.want[i])/255) {
					t.Errorf("Apply = %v, want %v / 255", scaled, test.want)
				}
			}
		})
	}
}

// TestApplyGrayEqualsConverted checks that the conversion to gray precedes the resize.
func TestApplyGrayEqualsConverted(t *testing.T) {
	m := testImage(t, 61, 43, 3)
	for _, f := range []vision.Filter{vision.Nearest, vision.Bicubic} {
		p := vision.DefaultPreprocess()
		p.Resample = f
		for _, size := range [][2]int{{28, 28}, {61, 43}, {61, 20}, {30, 43}} {
			target := vision.Target{Width: size[0], Height: size[1], Channels: 1}
			got, want := make([]byte, size[0]*size[1]), make([]byte, size[0]*size[1])
			if err := errors.Join(p.ApplyUint8(got, m, target), p.ApplyUint8(want, m.Gray(), target)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s to %v: the result differs from that of Gray", f, size)
			}
		}
	}
}

func TestApplyScales(t *testing.T) {
	m := pixels(t, 1, 1, 3, 0, 51, 255)
	p := &vision.Preprocess{DoRescale: true, RescaleFactor: 1.0 / 255, DoNormalize: true, Mean: []float64{0.5}, Std: []float64{0.1, 0.2, 0.5}}
	got := make([]float32, 3)
	if err := p.Apply(got, m, vision.Target{Channels: 3}); err != nil {
		t.Fatal(err)
	}
	if want := []float32{-5, -1.5, 1}; !slices.Equal(got, want) {
		t.Errorf("Apply = %v, want %v", got, want)
	}
	plain := &vision.Preprocess{}
	if err := plain.Apply(got, m, vision.Target{Channels: 3}); err != nil || !slices.Equal(got, []float32{0, 51, 255}) {
		t.Errorf("without any step: %v, %v", got, err)
	}
}

// TestOutputSizeErrors checks that errors name the resulting and the accepted size.
func TestOutputSizeErrors(t *testing.T) {
	parse := func(file string) *vision.Preprocess {
		p, err := vision.ParsePreprocess([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, test := range []struct {
		file    string
		target  vision.Target
		w, h    int
		kind    error
		message string
	}{
		{`{}`, vision.Target{Width: 28, Height: 28, Channels: 3}, 640, 480, vision.ErrShape, "preprocessor_config.json produces 224 x 224, the model accepts 28 x 28"},
		{`{"size": {"shortest_edge": 224}}`, vision.Target{Width: 224, Height: 224, Channels: 3}, 640, 480, vision.ErrShape, "an image of 640 x 480 pixels becomes 298 x 224"},
		{`{"do_resize": false}`, vision.Target{Height: 28, Channels: 3}, 30, 30, vision.ErrShape, "the model accepts any x 28"},
		{`{"size": {"shortest_edge": 1024}}`, vision.Target{Channels: 3}, 1, 65535, vision.ErrTooLarge, "would be resized to 1024 x 67107840"},
		{`{"image_processor_type": "DetrImageProcessor"}`, vision.Target{Channels: 3}, 60000, 2, vision.ErrTooLarge, "1333 x 0"},
		{`{}`, vision.Target{Channels: 3}, 0, 5, vision.ErrShape, "0 x 5"},
	} {
		_, _, err := parse(test.file).OutputSize(test.target, test.w, test.h)
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s, %d x %d: %v, want %s", test.file, test.w, test.h, err, test.message)
		}
	}
	// A small crop of a very long image is cheap.
	thin, err := vision.FromPixels(bytes.Repeat([]byte{9}, 65535), 1, 65535, 1)
	if err != nil {
		t.Fatal(err)
	}
	clip := parse(`{"image_processor_type": "CLIPImageProcessor", "do_convert_rgb": false}`)
	dst := make([]byte, 224*224)
	if err := clip.ApplyUint8(dst, thin, vision.Target{Width: 224, Height: 224, Channels: 1}); err != nil || dst[0] != 9 {
		t.Errorf("a strip of 1 x 65535 through CLIP: %v, %d", err, dst[0])
	}
}

func TestValidate(t *testing.T) {
	clip := `{"image_processor_type": "CLIPImageProcessor"}`
	for _, test := range []struct {
		file    string
		target  vision.Target
		message string // empty: it fits
	}{
		{`{}`, vision.Target{Channels: 3}, ""},
		{`{}`, vision.Target{Width: 224, Height: 224, Channels: 3, Layout: vision.NHWC}, ""},
		{`{}`, vision.Target{Width: 28, Height: 28, Channels: 3}, "produces 224 x 224, the model accepts 28 x 28"},
		{`{}`, vision.Target{Width: 224, Channels: 3}, ""},
		{`{"size": {"shortest_edge": 9}}`, vision.Target{Width: 28, Height: 28, Channels: 3}, ""},
		{clip, vision.Target{Width: 336, Height: 336, Channels: 3}, "produces 224 x 224, the model accepts 336 x 336"},
		{clip, vision.Target{Channels: 1}, "do_convert_rgb is true, the model accepts 1 channel"},
		{`{"do_flip_channel_order": true}`, vision.Target{Channels: 1}, "do_flip_channel_order"},
		{`{}`, vision.Target{Channels: 1}, "image_mean has 3 values, the model's channel count is 1"},
		{`{"image_mean": 0.5}`, vision.Target{Channels: 1}, "image_std has 3 values"},
		{`{"image_mean": 0.5, "image_std": [0.5]}`, vision.Target{Channels: 1}, ""},
		{`{"image_mean": [1, 2]}`, vision.Target{Channels: 3}, "image_mean has 2 values"},
		{`{}`, vision.Target{Channels: 4}, "the model accepts 4 channels; images have 1 or 3"},
		{`{}`, vision.Target{Channels: 3, Layout: 7}, "layout unknown"},
	} {
		p, err := vision.ParsePreprocess([]byte(test.file))
		if err != nil {
			t.Fatal(err)
		}
		switch err := p.Validate(test.target); {
		case test.message == "" && err != nil, test.message != "" && (err == nil || !strings.Contains(err.Error(), test.message)):
			t.Errorf("%s for %+v: %v, want %q", test.file, test.target, err, test.message)
		}
	}
}

func TestApplyRequiresTheExactLength(t *testing.T) {
	err := vision.DefaultPreprocess().Apply(make([]float32, 5), pixels(t, 2, 1, 1, 1, 2), vision.Target{Channels: 3})
	if err == nil || !strings.Contains(err.Error(), "the destination has 5 values, 3 x 1 x 2 needs 6") {
		t.Errorf("Apply = %v", err)
	}
}

// TestApplyConcurrently shares images, configurations and the pool, for the race
// detector.
func TestApplyConcurrently(t *testing.T) {
	m, p := testImage(t, 50, 40, 3), vision.DefaultPreprocess()
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			side := 10 + i%4
			target := vision.Target{Width: side, Height: side, Channels: 3}
			want := make([]float32, 3*side*side)
			if err := p.Apply(want, m, target); err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				got := make([]float32, len(want))
				if err := p.Apply(got, m, target); err != nil || !slices.Equal(got, want) {
					t.Errorf("result for %d x %d differs, %v", side, side, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestApplyReusesMemory(t *testing.T) {
	m, p := testImage(t, 300, 200, 3), vision.DefaultPreprocess()
	target := vision.Target{Width: 64, Height: 64, Channels: 3}
	dst := make([]float32, 3*64*64)
	allocs := testing.AllocsPerRun(50, func() {
		if err := p.Apply(dst, m, target); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 4 {
		t.Errorf("Apply allocates %v times a call", allocs)
	}
}
