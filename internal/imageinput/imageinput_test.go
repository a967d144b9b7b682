package imageinput_test

import (
	"errors"
	"image"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
)

// newInput returns the conversion to an input x of FP32.
func newInput(t *testing.T, shape ...int64) *imageinput.Input {
	t.Helper()
	return imageinput.New("m", &engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: shape}, imageinput.Config{})
}

func TestErrorsNameFieldsAsTheAPIDoes(t *testing.T) {
	named := func(field imageinput.Field) string { return "<" + field.String() + ">" }
	for name, test := range map[string]struct {
		input  *imageinput.Input
		source imageinput.Source
		is     error
		says   []string
	}{
		"a field": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Values: make([]float32, 12), Width: 3},
			is: imageinput.ErrInvalid, says: []string{"<width> is 3"},
		},
		"another field as a hint": {
			input: newInput(t, 1, 3), source: imageinput.Source{Image: []byte{1}},
			is: imageinput.ErrInvalid, says: []string{"<image>: ", "send <values>"},
		},
		"an error within one": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Image: make([]byte, 13), Shape: tensor.Shape{2, 2, 3}},
			is: imageinput.ErrInvalid, says: []string{"<image> has 13 bytes", "12 as UINT8"},
		},
		"another file": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Image: []byte("{\"inputs\": []}")},
			is: imageinput.ErrInvalid, says: []string{"<image>: ", "14 bytes are JSON", "<datatype>"},
		},
		"another file of an array's length": {
			input: newInput(t, 1, 1, 4, 4), source: imageinput.Source{Image: []byte("\x00\x00\x00\x10ftypheic\x00\x00\x00\x00")},
			is: imageinput.ErrInvalid, says: []string{"<image>: ", "a HEIC image", "<datatype>"},
		},
		"another file with a content type": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Image: []byte("\xff\x0a\xfa\x1f"), ContentType: "image/jxl"},
			is: imageinput.ErrInvalid, says: []string{"<content_type> is \"image/jxl\"", "a JPEG XL image, which is not supported: convert it"},
		},
		"no array and no known file": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Image: []byte("\x01\x02\x03")},
			is: imageinput.ErrInvalid, says: []string{"<image>: the 3 bytes are no supported image", "no array", "12 of UINT8"},
		},
		"a conversion's error": {
			input: newInput(t, 1, 3, 2, 2), source: imageinput.Source{Image: []byte("\x89PNG\r\n\x1a\n")},
			is: vision.ErrCorrupt, says: []string{"<image>: "},
		},
		"too many pixels": {
			input: newInput(t, 1, 3, -1, -1), source: imageinput.Source{Image: []byte("\x89PNG\r\n\x1a\n"), Width: 20, Height: 20},
			is: vision.ErrTooLarge, says: []string{"<width> and <height>: ", "20 x 20 are 400 pixels, the limit is 100 (max-image-pixels): give at most 10 and 10"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := test.input.IsEncoded(&test.source)
			switch {
			case err != nil:
			case encoded:
				_, err = test.input.Decode(&test.source, vision.Limits{MaxPixels: 100}, &imageinput.Timings{})
			default:
				_, err = test.input.Tensor(&test.source, &imageinput.Timings{})
			}
			input, ok := errors.AsType[*imageinput.Error](err)
			if !ok || !errors.Is(err, test.is) || strings.Contains(err.Error(), "<") {
				t.Fatalf("error %v", err)
			}
			for _, part := range test.says {
				if renamed := input.Named(named); !strings.Contains(renamed.Error(), part) || !errors.Is(renamed, test.is) {
					t.Errorf("the error does not say %q: %v", part, renamed)
				}
			}
		})
	}
}

func TestValuesAndArraysInTheModelsLayoutAreNotCopied(t *testing.T) {
	input := newInput(t, 1, 2, 2, 3)
	values := []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	for name, source := range map[string]imageinput.Source{
		"values": {Values: values},
		"array":  {Image: tensor.AsBytes(values)},
	} {
		got, err := input.Tensor(&source, &imageinput.Timings{})
		if err != nil || !tensor.ShareMemory(got.Data, tensor.AsBytes(values)) || !slices.Equal(got.Shape, []int64{1, 2, 2, 3}) {
			t.Errorf("%s: %v, %v", name, got.Shape, err)
		}
	}
}

// An image far above the model's input is rejected by its header; the photos of phones are not.
func TestAnImageIsBoundByTheModelsInput(t *testing.T) {
	spec := &engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{1, 1, 28, 28}, DimNames: make([]string, 4)}
	input := imageinput.New("digits", spec, imageinput.Config{})
	limits := imageinput.Limits{MaxRatio: 500}
	for pixels, ok := range map[image.Point]bool{{X: 5000, Y: 5000}: true, {X: 7000, Y: 7000}: false} {
		_, err := input.Measure(&imageinput.Source{Image: gifHeader(pixels)}, limits)
		if ok != (err == nil) || !ok && (!errors.Is(err, vision.ErrTooLarge) || !strings.Contains(err.Error(), "(max-image-ratio): resize it to at most 5000 x 5000")) {
			t.Errorf("%v: %v", pixels, err)
		}
	}
	if _, err := input.Measure(&imageinput.Source{Image: gifHeader(image.Point{X: 7000, Y: 7000})}, imageinput.Limits{}); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}

// A request that states a datatype has an array, also if its first bytes are those of a file.
func TestAStatedArrayIsNoFile(t *testing.T) {
	input := newInput(t, 1, 1, 4, 4)
	source := &imageinput.Source{Image: []byte("\x00\x00\x00\x10ftypheic\x00\x00\x00\x00"), Datatype: "UINT8"}
	if encoded, err := input.IsEncoded(source); err != nil || encoded {
		t.Fatal(encoded, err)
	}
	if got, err := input.Tensor(source, &imageinput.Timings{}); err != nil || !slices.Equal(got.Shape, []int64{1, 1, 4, 4}) {
		t.Errorf("%v, %v", got.Shape, err)
	}
}

func gifHeader(size image.Point) []byte {
	return append(append([]byte("GIF89a"), byte(size.X), byte(size.X>>8), byte(size.Y), byte(size.Y>>8)), 0x80, 0, 0, 0, 0, 0, 255, 255, 255)
}
