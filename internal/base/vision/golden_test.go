package vision_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// testImage returns the image of testdata/golden.py: smooth in one channel, hard edges in
// another, and the full range of values.
func testImage(t testing.TB, width, height, channels int) *vision.Image {
	t.Helper()
	pix := make([]byte, 0, width*height*channels)
	for y := range height {
		for x := range width {
			edge := x * y % 97
			if (x/3+y/5)%2 == 0 {
				edge = 255
			}
			colour := [3]byte{byte(x*7 + y*13), byte((x*x + 3*y) / 5), byte(edge)}
			pix = append(pix, colour[:channels]...)
		}
	}
	m, err := vision.FromPixels(pix, width, height, channels)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// golden reads the cases of a file from testdata/golden.py.
func golden(t *testing.T, name string, cases any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	file := struct {
		Cases any `json:"cases"`
	}{cases}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func digest(pix []byte) string {
	sum := sha256.Sum256(pix)
	return hex.EncodeToString(sum[:])
}

// TestResampleEqualsPillow requires identical bytes.
func TestResampleEqualsPillow(t *testing.T) {
	var cases []struct {
		From, To [2]int
		Channels int
		Filter   vision.Filter
		SHA256   string
	}
	golden(t, "resample.json", &cases)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%dx%d to %dx%d, %d channels, %s", c.From[0], c.From[1], c.To[0], c.To[1], c.Channels, c.Filter), func(t *testing.T) {
			p := vision.DefaultPreprocess()
			p.Resample = c.Filter
			got := make([]byte, c.To[0]*c.To[1]*c.Channels)
			target := vision.Target{Width: c.To[0], Height: c.To[1], Channels: c.Channels, Layout: vision.NHWC}
			if err := p.ApplyUint8(got, testImage(t, c.From[0], c.From[1], c.Channels), target); err != nil {
				t.Fatal(err)
			}
			if digest(got) != c.SHA256 {
				t.Errorf("the bytes differ from Pillow's")
			}
		})
	}
}

// TestProcessorsEqualTransformers compares whole configurations with the image
// processors that they name.
func TestProcessorsEqualTransformers(t *testing.T) {
	equalsGolden(t, "processors.json", vision.PreprocessorFile)
}

// TestTimmEqualsTimm compares pretrained_cfg with timm's evaluation transforms.
func TestTimmEqualsTimm(t *testing.T) { equalsGolden(t, "timm.json", vision.ModelConfigFile) }

// equalsGolden compares the tensors of configurations, in files of the name config, with
// those in a golden file.
func equalsGolden(t *testing.T, file, config string) {
	const every = 997 // the script samples every 997th value of a tensor
	var cases []struct {
		Config json.RawMessage
		From   [2]int
		Shape  [3]int // channels, height, width
		Sample []float64
		Sum    float64
	}
	golden(t, file, &cases)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %dx%d", c.Config, c.From[0], c.From[1]), func(t *testing.T) {
			p, err := vision.FindPreprocess([]vision.ConfigFile{{Name: config, Data: c.Config}})
			if err != nil {
				t.Fatal(err)
			}
			target := vision.Target{Channels: 3}
			if err := p.Validate(target); err != nil {
				t.Fatal(err)
			}
			w, h, err := p.OutputSize(target, c.From[0], c.From[1])
			if err != nil || w != c.Shape[2] || h != c.Shape[1] {
				t.Fatalf("OutputSize = %d x %d, %v; the golden file has %d x %d", w, h, err, c.Shape[2], c.Shape[1])
			}
			dst := make([]float32, 3*w*h)
			if err := p.Apply(dst, testImage(t, c.From[0], c.From[1], 3), target); err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for i, v := range dst {
				sum += float64(v)
				if i%every == 0 && math.Abs(float64(v)-c.Sample[i/every]) > 1e-5 {
					t.Fatalf("value %d is %v, the golden file has %v", i, v, c.Sample[i/every])
				}
			}
			if math.Abs(sum-c.Sum) > 1e-6*float64(len(dst))+1e-6*math.Abs(c.Sum) {
				t.Errorf("the sum is %v, the golden file has %v", sum, c.Sum)
			}
		})
	}
}

// TestDefaultsEqualTransformers checks that a file with only a processor's name equals
// a file with all defaults of the processor's constructor.
func TestDefaultsEqualTransformers(t *testing.T) {
	var cases map[string]map[string]any
	golden(t, "defaults.json", &cases)
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{"image_processor_type", "feature_extractor_type"} {
				bare, err := vision.ParsePreprocess(fmt.Appendf(nil, "{%q: %q}", key, name))
				if err != nil {
					t.Fatal(err)
				}
				values["image_processor_type"] = name + "Fast"
				data, err := json.Marshal(values)
				if err != nil {
					t.Fatal(err)
				}
				full, err := vision.ParsePreprocess(data)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(bare, full) {
					t.Errorf("\nabsent:  %+v\nspelled: %+v", bare, full)
				}
			}
		})
	}
}

// TestDecodeEqualsPillow compares whole files. The lossless ones must be identical; the
// lossy ones differ by the inverse DCT and by chroma upsampling (see the package
// comment).
func TestDecodeEqualsPillow(t *testing.T) {
	var cases map[string]struct {
		Data   []byte
		From   [2]int
		Pixels string // of lossy files, else SHA256
		SHA256 string
	}
	golden(t, "decoded.json", &cases)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := vision.Decode(c.Data, vision.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if m.Width != c.From[0] || m.Height != c.From[1] {
				t.Fatalf("decoded %d x %d, Pillow gives %d x %d", m.Width, m.Height, c.From[0], c.From[1])
			}
			if c.SHA256 != "" {
				if digest(m.Pix) != c.SHA256 && digest(m.Gray().Pix) != c.SHA256 && digest(m.RGB().Pix) != c.SHA256 {
					t.Errorf("the bytes differ from Pillow's")
				}
				return
			}
			want, err := base64.StdEncoding.DecodeString(c.Pixels)
			if err != nil || len(want) != len(m.Pix) {
				t.Fatalf("decoded %d bytes, Pillow gives %d (%v)", len(m.Pix), len(want), err)
			}
			worst, total := 0, 0
			for i, v := range m.Pix {
				d := int(v) - int(want[i])
				worst, total = max(worst, d, -d), total+max(d, -d)
			}
			mean := float64(total) / float64(len(want))
			t.Logf("differs by %.2f levels on average, %d at most", mean, worst)
			allowed := 0.5
			if strings.Contains(name, "420") || strings.Contains(name, "422") || strings.Contains(name, "webp") || strings.Contains(name, "cmyk") {
				allowed = 6
			}
			if mean > allowed {
				t.Errorf("differs by %.2f levels on average, at most %.1f are expected", mean, allowed)
			}
		})
	}
}
