package vision_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// files returns Pillow's files of testdata/decoded.json by name. The first word of a
// name is the format.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	var cases map[string]struct{ Data []byte }
	golden(t, "decoded.json", &cases)
	out := make(map[string][]byte, len(cases))
	for name, c := range cases {
		out[name] = c.Data
	}
	return out
}

func TestSniff(t *testing.T) {
	for name, data := range files(t) {
		format, _, _ := bytes.Cut([]byte(name), []byte(" "))
		if got := vision.Sniff(data); got != vision.Format(format) {
			t.Errorf("Sniff(%s) = %q", name, got)
		}
	}
	for name, data := range map[string]string{
		"empty":                       "",
		"text":                        "BMW and other makers of cars, among them",
		"bmp with reserved bytes":     "BM\x46\x00\x00\x00\x01\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
		"bmp with an odd header":      "BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x29\x00\x00\x00",
		"bmp with pixels in header":   "BM\x46\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x28\x00\x00\x00",
		"jpeg without a next marker":  "\xff\xd8\xff\x00",
		"jpeg of three bytes":         "\xff\xd8\xff",
		"tiff with a directory of 4":  "II*\x00\x04\x00\x00\x00",
		"big tiff":                    "II+\x00\x08\x00\x00\x00\x10\x00\x00\x00",
		"riff of sound":               "RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00",
		"png with a changed line end": "\x89PNG\n\x1a\n\x00\x00\x00\x0dIHDR",
	} {
		if got := vision.Sniff([]byte(data)); got != "" {
			t.Errorf("Sniff of %s = %q, want none", name, got)
		}
	}
}

// TestSniffIgnoresArrays checks that Sniff does not mistake raw tensors for images.
func TestSniffIgnoresArrays(t *testing.T) {
	var data []byte
	for i := range 256 {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(i)/255))
	}
	for i := range data {
		if got := vision.Sniff(data[i:]); got != "" {
			t.Errorf("Sniff of float32 values from byte %d on = %q", i, got)
		}
	}
}

func TestMediaType(t *testing.T) {
	for format, want := range map[vision.Format]string{
		vision.JPEG: "image/jpeg", vision.WebP: "image/webp", "": "application/octet-stream",
	} {
		if got := format.MediaType(); got != want {
			t.Errorf("%q.MediaType() = %q, want %q", format, got, want)
		}
	}
}
