package imageinput_test

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
)

// shapes are inputs of published models without a file that says what they take. want is
// the layout, or "" for a tensor that is not announced as an image.
var shapes = []struct {
	model string
	name  string // of the input; empty: x
	dtype tensor.DataType
	shape []int64
	dims  []string
	want  string
	why   string
}{
	{model: "ResNet-50", shape: []int64{-1, 3, 224, 224}, want: "NCHW", why: "three channels, a square"},
	{model: "YOLOv8", name: "images", shape: []int64{1, 3, 640, 640}, want: "NCHW", why: "three channels, a square"},
	{model: "YOLOv8, any size", name: "images", shape: []int64{-1, 3, -1, -1}, want: "NCHW", why: "three channels, open sides"},
	{model: "YOLOv8, wide", name: "images", shape: []int64{1, 3, 384, 672}, want: "NCHW", why: "three channels, the ratio of a camera"},
	{model: "MNIST", name: "Input3", shape: []int64{1, 1, 28, 28}, want: "NCHW", why: "one channel, a square"},
	{model: "the sample model digits", shape: []int64{-1, 1, 28, 28}, want: "NCHW", why: "one channel, a square"},
	{model: "MNIST of Keras", name: "conv2d_input", shape: []int64{-1, 28, 28, 1}, want: "NHWC", why: "one channel, a square"},
	{model: "MNIST without channels", shape: []int64{1, 28, 28}, want: "NCHW", why: "a square, and the values are the same with a channel"},
	{model: "MNIST without channels, any batch", shape: []int64{-1, 28, 28}, why: "as likely a sequence of vectors"},
	{model: "digits of scikit-learn", shape: []int64{-1, 1, 8, 8}, want: "NCHW", why: "one channel, a square"},
	{model: "EfficientNet-Lite", name: "images:0", shape: []int64{1, 224, 224, 3}, want: "NHWC", why: "three channels, a square"},
	{model: "MobileNet of TensorFlow", name: "input", shape: []int64{-1, -1, -1, 3}, want: "NHWC", why: "three channels, open sides"},
	{model: "SSD of TensorFlow", name: "inputs:0", dtype: tensor.Uint8, shape: []int64{1, -1, -1, 3}, want: "NHWC", why: "three channels, pixels"},
	{model: "U-Net, segmentation", shape: []int64{1, 3, 512, 1024}, want: "NCHW", why: "three channels, twice as wide as high"},
	{model: "U-Net of microscopy", shape: []int64{1, 1, 572, 572}, want: "NCHW", why: "one channel, a square"},
	{model: "super-resolution-10", shape: []int64{-1, 1, 224, 224}, want: "NCHW", why: "one channel, a square"},
	{model: "SuperPoint", name: "image", shape: []int64{-1, 1, 480, 640}, want: "NCHW", why: "the name, and the ratio of a camera"},
	{model: "CRNN", name: "input", shape: []int64{-1, 1, 32, 100}, want: "NCHW", why: "a line of text, in its usual height"},
	{model: "OCR, any width", shape: []int64{1, 1, 64, -1}, want: "NCHW", why: "a line of text of any length"},
	{model: "PaddleOCR, recognition", shape: []int64{-1, 3, 48, -1}, want: "NCHW", why: "three channels, text of any length"},
	{model: "PaddleOCR, fixed", shape: []int64{1, 3, 48, 320}, want: "NCHW", why: "three channels, text"},
	{model: "PaddleOCR, classes of angles", shape: []int64{-1, 3, 48, 192}, want: "NCHW", why: "three channels, text"},
	{model: "fast-plate-ocr", name: "input", dtype: tensor.Uint8, shape: []int64{-1, 64, 128, 1}, want: "NHWC", why: "pixels"},
	{model: "OSNet, persons", shape: []int64{1, 3, 256, 128}, want: "NCHW", why: "three channels, a person"},
	{model: "ArcFace", name: "data", shape: []int64{-1, 3, 112, 112}, want: "NCHW", why: "three channels, a square"},
	{model: "emotion-ferplus", name: "Input3", shape: []int64{1, 1, 64, 64}, want: "NCHW", why: "one channel, a square"},
	{model: "CIFAR of small side", shape: []int64{-1, 3, 32, 32}, want: "NCHW", why: "three channels, a square"},
	{model: "an image without a batch", shape: []int64{3, 224, 224}, want: "NCHW", why: "three channels, a square"},
	{model: "an image without a batch, NHWC", shape: []int64{480, 640, 3}, want: "NHWC", why: "three channels, the ratio of a camera"},
	{model: "an image of any size without a batch", name: "image", shape: []int64{-1, -1, 3}, want: "NHWC", why: "the name"},

	{model: "Silero VAD", name: "input", shape: []int64{-1, -1}, why: "two dimensions"},
	{model: "openWakeWord, classifier", shape: []int64{1, 16, 96}, why: "no square: a sequence of vectors"},
	{model: "openWakeWord, embedding", name: "input_1", shape: []int64{-1, 76, 32, 1}, why: "higher than wide and one channel: a spectrogram"},
	{model: "openWakeWord, spectrogram", name: "input", shape: []int64{-1, -1}, why: "two dimensions"},
	{model: "Whisper, encoder", name: "input_features", shape: []int64{-1, 80, 3000}, why: "the name, and no channels"},
	{model: "Whisper, batch of one", shape: []int64{1, 80, 3000}, why: "no square: a batch of one"},
	{model: "AST", name: "input_values", shape: []int64{-1, 1024, 128}, why: "no channels"},
	{model: "VGGish", shape: []int64{-1, 1, 96, 64}, why: "higher than wide and one channel: a spectrogram"},
	{model: "PANNs", shape: []int64{1, 1, 1001, 64}, why: "narrow and one channel: a spectrogram"},
	{model: "mel spectrogram", shape: []int64{1, 1, 64, 1001}, why: "one channel, too wide for a line of text"},
	{model: "spectrogram of an FFT", shape: []int64{1, 1, 257, 100}, why: "one channel, narrow"},
	{model: "spectrogram of any length", shape: []int64{-1, 1, 80, -1}, why: "one channel, no height of text"},
	{model: "spectrogram with names", shape: []int64{-1, 1, -1, -1}, dims: []string{"batch", "", "time", "freq"}, why: "the sides' names"},
	{model: "keyword spotting", shape: []int64{1, 49, 10, 1}, why: "narrow and one channel"},
	{model: "square mel patches", name: "mel_input", shape: []int64{1, 1, 128, 128}, why: "the name"},
	{model: "wav2vec 2", name: "input_values", shape: []int64{-1, -1}, why: "two dimensions"},
	{model: "BERT", name: "input_ids", dtype: tensor.Int64, shape: []int64{-1, -1}, why: "the datatype"},
	{model: "embeddings", name: "inputs_embeds", shape: []int64{1, 128, 768}, why: "the name, and no square"},
	{model: "TimeSformer", name: "pixel_values", shape: []int64{-1, 8, 3, 224, 224}, why: "five dimensions: a video"},
	{model: "VAE decoder of a diffusion model", name: "latent_sample", shape: []int64{1, 4, 64, 64}, why: "four channels"},
	{model: "DeepVariant", shape: []int64{-1, 100, 221, 6}, why: "six channels"},
	{model: "two frames", shape: []int64{2, 3, 224, 224}, why: "a batch of two"},
	{model: "accelerometer", shape: []int64{1, 3, 1, 128}, why: "one row"},
	{model: "accelerometer, 1D", shape: []int64{1, 128, 3}, why: "one row"},
	{model: "MediaPipe's points", shape: []int64{1, 21, 3}, why: "one row"},
	{model: "ST-GCN's skeletons", name: "skeleton", shape: []int64{1, 3, 300, 25}, why: "the name, and narrow"},
	{model: "points of PointNet", shape: []int64{-1, 3, 1024}, why: "open and three dimensions"},
	{model: "features of a pooled layer", shape: []int64{-1, 3, 1, 1}, why: "one row"},
	{model: "scalar tables", shape: []int64{1, 1, 1, 64}, why: "one row"},
}

func TestShapesOfImages(t *testing.T) {
	for _, test := range shapes {
		spec := &engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: test.shape, DimNames: test.dims}
		if test.name != "" {
			spec.Name = test.name
		}
		if test.dtype != tensor.Invalid {
			spec.DataType = test.dtype
		}
		input := imageinput.New("m", spec, imageinput.Config{})
		target, ok := input.Target()
		if got := target.Layout.String(); ok != (test.want != "") || ok && got != test.want || input.Reason() != "" {
			t.Errorf("%s, %q of %v %v: image %v in %s, want %q (%s); reason %q", test.model, spec.Name, spec.DataType, spec.Shape, ok, got, test.want, test.why, input.Reason())
		}
	}
}

// A file or a format says that the input is an image where the shape does not.
func TestDeclaredImages(t *testing.T) {
	nchw, nhwc := vision.NCHW, vision.NHWC
	files := []vision.ConfigFile{{Name: vision.PreprocessorFile, Data: []byte(`{"image_mean": 0.5, "image_std": 0.5, "do_resize": false}`)}}
	for name, test := range map[string]struct {
		shape  []int64
		config imageinput.Config
		want   string
	}{
		"open channels":              {[]int64{-1, -1, -1, -1}, imageinput.Config{Files: files}, "NCHW"},
		"open channels behind":       {[]int64{-1, 224, 224, -1}, imageinput.Config{Files: files}, "NHWC"},
		"open channels, declared":    {[]int64{-1, -1, -1, -1}, imageinput.Config{Layout: &nhwc}, "NHWC"},
		"a narrow gray one":          {[]int64{-1, 76, 32, 1}, imageinput.Config{Files: files}, "NHWC"},
		"a narrow gray one, format":  {[]int64{-1, 76, 32, 1}, imageinput.Config{Layout: &nhwc}, "NHWC"},
		"a format of another layout": {[]int64{-1, 224, 224, 3}, imageinput.Config{Layout: &nchw}, ""},
		"without a batch":            {[]int64{3, -1, -1}, imageinput.Config{Files: files}, "NCHW"},
		"ambiguous":                  {[]int64{1, 3, 224, 3}, imageinput.Config{Files: files}, "NCHW"},
		"ambiguous, the likelier":    {[]int64{1, 1, 28, 28}, imageinput.Config{Files: files}, "NCHW"},
	} {
		input := imageinput.New("m", &engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: test.shape}, test.config)
		target, ok := input.Target()
		if ok != (test.want != "") || ok && target.Layout.String() != test.want {
			t.Errorf("%s: image %v, layout %v, reason %q", name, ok, target.Layout, input.Reason())
		}
	}
}

// Files that disable images leave tensors alone, and say why.
func TestSideFilesDisableImagesOnly(t *testing.T) {
	for name, test := range map[string]struct {
		shape []int64
		file  string
		says  string
	}{
		"audio":               {[]int64{1, 80, 3000}, `{"feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": 16000, "feature_size": 80}`, "audio"},
		"an unsupported step": {[]int64{1, 3, 8, 8}, `{"image_processor_type": "SuperPointImageProcessor"}`, "SuperPointImageProcessor"},
		"not JSON":            {[]int64{1, 3, 8, 8}, `{`, "not a JSON object"},
		"another size":        {[]int64{1, 3, 8, 8}, `{"size": 224}`, "produces 224 x 224, the model accepts 8 x 8"},
		"a video":             {[]int64{1, 8, 3, 8, 8}, `{}`, "is for images, but input \"x\" of [1, 8, 3, 8, 8] is no image"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &engine.TensorSpec{Name: "x", DataType: tensor.FP32, Shape: test.shape}
			input := imageinput.New("m", spec, imageinput.Config{Files: []vision.ConfigFile{{Name: vision.PreprocessorFile, Data: []byte(test.file)}}})
			if _, ok := input.Target(); ok || !strings.Contains(input.Reason(), test.says) {
				t.Errorf("image %v, reason %q", ok, input.Reason())
			}
			_, err := input.IsEncoded(&imageinput.Source{Image: []byte("\x89PNG\r\n\x1a\n")})
			if !errors.Is(err, imageinput.ErrInvalid) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "send values") {
				t.Errorf("an image: %v", err)
			}
			elements, _ := tensor.Shape(test.shape).Elements()
			if got, err := input.Tensor(&imageinput.Source{Values: make([]float32, elements)}, &imageinput.Timings{}); err != nil || !slices.Equal(got.Shape, test.shape) {
				t.Errorf("values: %v, %v", got.Shape, err)
			}
		})
	}
}

func TestNotesOfFiles(t *testing.T) {
	for name, test := range map[string]struct {
		dtype tensor.DataType
		file  string
		says  string
	}{
		"an unknown processor":       {tensor.FP32, `{"image_processor_type": "NewImageProcessor", "size": 8}`, "treated as ViTImageProcessor"},
		"pixels that are normalised": {tensor.Uint8, `{"size": 8, "image_mean": [0.5, 0.5, 0.5, 0.5]}`, "the normalisation is ignored"},
		"pixels that are not":        {tensor.Uint8, `{"size": 8, "do_normalize": false}`, ""},
		"floats that are normalised": {tensor.FP32, `{"size": 8}`, ""},
	} {
		spec := &engine.TensorSpec{Name: "x", DataType: test.dtype, Shape: tensor.Shape{1, 3, 8, 8}}
		input := imageinput.New("m", spec, imageinput.Config{Files: []vision.ConfigFile{{Name: vision.PreprocessorFile, Data: []byte(test.file)}}})
		notes := strings.Join(input.Notes(), "\n")
		if _, ok := input.Target(); !ok || !strings.Contains(notes, test.says) || (test.says == "") != (notes == "") {
			t.Errorf("%s: image %v (%s), notes %q", name, ok, input.Reason(), notes)
		}
	}
}

// TestAnOpenSideFollowsTheAspectRatio checks text recognition, whose width is open.
func TestAnOpenSideFollowsTheAspectRatio(t *testing.T) {
	file := func(width, height int) []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, test := range map[string]struct {
		model  []int64
		source imageinput.Source
		want   []int64 // nil: too large
	}{
		"a line":                {[]int64{1, 1, 64, -1}, imageinput.Source{Image: file(300, 32)}, []int64{1, 1, 64, 600}},
		"truncated":             {[]int64{-1, 3, 48, -1}, imageinput.Source{Image: file(101, 50)}, []int64{1, 3, 48, 96}},
		"narrow":                {[]int64{1, 1, 64, -1}, imageinput.Source{Image: file(1, 200)}, []int64{1, 1, 64, 1}},
		"a width that is given": {[]int64{1, 1, 64, -1}, imageinput.Source{Image: file(300, 32), Width: 320}, []int64{1, 1, 64, 320}},
		"an open height":        {[]int64{1, 3, -1, 640}, imageinput.Source{Image: file(320, 100)}, []int64{1, 3, 200, 640}},
		"channels behind":       {[]int64{1, 64, -1, 1}, imageinput.Source{Image: file(300, 32)}, []int64{1, 64, 600, 1}},
		"above the limit":       {[]int64{1, 1, 64, -1}, imageinput.Source{Image: file(4000, 1)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			input := newInput(t, test.model...)
			got, err := input.Decode(&test.source, vision.Limits{MaxPixels: 1_000_000}, &imageinput.Timings{})
			if test.want == nil {
				if !errors.Is(err, vision.ErrTooLarge) || !strings.Contains(err.Error(), "the limit is 1000000 (max-image-pixels)") {
					t.Errorf("%v, error %v", got.Shape, err)
				}
				return
			}
			if err != nil || !slices.Equal(got.Shape, test.want) {
				t.Errorf("%v, error %v", got.Shape, err)
			}
		})
	}
}
