package vision_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// padded appends zeros, so that a signature is at the start of a longer file.
func padded(start string) string { return start + string(make([]byte, 64)) }

// contents has the beginning of files that clients send for an image, by the name in the error.
var contents = map[string][]string{
	"a HEIC image":            {padded("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), padded("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic")},
	"an AVIF image":           {padded("\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1miaf"), padded("\x00\x00\x00\x1cftypmif1\x00\x00\x00\x00mif1miafavif")},
	"a HEIF image":            {padded("\x00\x00\x00\x14ftypmif1\x00\x00\x00\x00mif1")},
	"a JPEG XL image":         {padded("\x00\x00\x00\x0cJXL \r\n\x87\n"), padded("\xff\x0a\xfa\x1f")},
	"a JPEG 2000 image":       {padded("\x00\x00\x00\x0cjP  \r\n\x87\n"), padded("\xff\x4f\xff\x51\x00\x29")},
	"a JPEG-LS image":         {padded("\xff\xd8\xff\xf7\x00\x0b")},
	"a Photoshop (PSD) image": {padded("8BPS\x00\x01")},
	"an ICO image":            {padded("\x00\x00\x01\x00\x01\x00\x10\x10\x00\x00\x01\x00\x18\x00\x10\x00\x00\x00\x16\x00\x00\x00")},
	"an SVG image": {
		`<svg xmlns="http://www.w3.org/2000/svg"/>`, "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- a comment -->\n<svg>", "<?xml version='1.0'?><!DOCTYPE svg PUBLIC>",
	},
	"an OpenEXR image":         {padded("\x76\x2f\x31\x01\x02\x00\x00\x00")},
	"a Radiance HDR image":     {"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n"},
	"a PNM image":              {padded("P6\n640 480\n255\n\x80\xff"), "P1 2 2 0 1 1 0", padded("P5 # a comment\n2 2\n255\n"), padded("P7\nWIDTH 2\n"), padded("Pf\n2 2\n-1.0\n")},
	"a QOI image":              {padded("qoif\x00\x00\x00\x02")},
	"a DDS image":              {padded("DDS \x7c\x00\x00\x00")},
	"a TGA image":              {padded("\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x04\x00\x18\x20"), "any bytes" + padded("") + "TRUEVISION-XFILE.\x00"},
	"a BigTIFF image":          {padded("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00"), padded("MM\x00+\x00\x08\x00\x00")},
	"a DICOM image":            {string(make([]byte, 128)) + "DICM\x02\x00"},
	"WAV audio":                {padded("RIFF\x24\x00\x00\x00WAVEfmt ")},
	"MP3 audio":                {padded("ID3\x04\x00\x00\x00\x00"), padded("\xff\xfb\x90\x64")},
	"FLAC audio":               {padded("fLaC\x00\x00\x00\x22")},
	"Ogg audio":                {padded("OggS\x00\x02")},
	"M4A audio":                {padded("\x00\x00\x00\x20ftypM4A \x00\x00\x02\x00")},
	"an MP4 video":             {padded("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2")},
	"a QuickTime (MOV) video":  {padded("\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00"), padded("\x00\x00\x10\x00moov\x00\x00\x00\x6c")},
	"a WebM video":             {padded("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm")},
	"a Matroska (MKV) video":   {padded("\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska")},
	"an AVI video":             {padded("RIFF\x24\x00\x00\x00AVI LIST")},
	"an MPEG video":            {strings.Repeat("\x47"+string(make([]byte, 187)), 5), padded("\x00\x00\x01\xba\x44")},
	"a PDF document":           {"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"},
	"an HTML document":         {"<!DOCTYPE html>\n<html>", "  <html lang=\"en\"><svg>", "<head><title>404</title>"},
	"an XML document":          {"<?xml version=\"1.0\"?><feed>"},
	"JSON":                     {`{"inputs": [1, 2]}`, `[[0.1, 0.2], [0.3, 0.4]]`, `[{"b64": "..."}]`},
	"a zip archive":            {padded("PK\x03\x04\x14\x00\x00\x00\x08\x00" + string(make([]byte, 16)) + "\x05\x00\x00\x00a.txt")},
	"a numpy (.npz) file":      {padded("PK\x03\x04\x14\x00\x00\x00\x08\x00" + string(make([]byte, 16)) + "\x05\x00\x00\x00x.npy")},
	"a numpy (.npy) file":      {padded("\x93NUMPY\x01\x00\x76\x00{'descr'")},
	"gzip data":                {padded("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")},
	"a multipart form":         {"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\xff\xd8\xff\xe0"},
	"a data: URL":              {"data:image/png;base64,iVBORw0KGgo="},
	"a URL":                    {"https://example.com/cat.jpg"},
	"a png image in base64":    {base64.StdEncoding.EncodeToString(pngHeader(4, 4)), base64.URLEncoding.EncodeToString(pngHeader(4, 4)), `"` + base64.StdEncoding.EncodeToString(pngHeader(4, 4)) + `"`},
	"text":                     {"this is not an image"},
	"a jpeg image after other": {"abc\x00\xff\xd8\xff\xe0\x00\x10JFIF\x00"},
}

// TestContentIsNamed checks that the error names what was sent, and what to do.
func TestContentIsNamed(t *testing.T) {
	for name, files := range contents {
		for _, file := range files {
			_, err := vision.Decode([]byte(file), vision.Limits{})
			if !errors.Is(err, vision.ErrUnsupported) || !strings.Contains(err.Error(), " bytes are "+name) || !strings.Contains(err.Error(), ": ") {
				t.Errorf("%q: %v; want %q", file[:min(len(file), 40)], err, name)
			}
		}
	}
}

// TestContentIsNamedFromItsBeginning truncates the files: describing them never panics.
func TestContentIsNamedFromItsBeginning(t *testing.T) {
	for _, files := range contents {
		for _, file := range files {
			for n := range file {
				if text := vision.NotImage([]byte(file[:n])); text == "" {
					t.Errorf("%q: no text", file[:n])
				}
			}
		}
	}
}

// TestArraysAreNoFiles checks that constant arrays, and others that tests and cameras send, are
// not reported as files.
func TestArraysAreNoFiles(t *testing.T) {
	for value := range 256 {
		data := make([]byte, 4096)
		for i := range data {
			data[i] = byte(value)
		}
		if c := vision.Describe(data); c.Certain {
			t.Errorf("bytes of %d are %s", value, c.Name)
		}
	}
	gradient := make([]byte, 4096)
	for i := range gradient {
		gradient[i] = byte(i)
	}
	for i := range 256 {
		if c := vision.Describe(gradient[i:]); c.Certain {
			t.Errorf("a gradient from %d on is %s", i, c.Name)
		}
	}
}

func FuzzDescribe(f *testing.F) {
	for _, files := range contents {
		for _, file := range files {
			f.Add([]byte(file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if c := vision.Describe(data); (c.Name == "") != (c.Advice == "") {
			t.Fatalf("%+v", c)
		}
		if vision.NotImage(data) == "" {
			t.Fatal("no text")
		}
	})
}
