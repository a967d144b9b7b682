package vision_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

func TestDecodeKinds(t *testing.T) {
	r := image.Rect(0, 0, 3, 2)
	fill := func(set func(x, y int)) {
		for y := range 2 {
			for x := range 3 {
				set(x, y)
			}
		}
	}
	gray16, deep, seeThrough := image.NewGray16(r), image.NewNRGBA64(r), image.NewNRGBA(r)
	gray, opaque := image.NewGray(r), image.NewRGBA(r)
	fill(func(x, y int) {
		gray16.SetGray16(x, y, color.Gray16{Y: 0xABFF})
		deep.SetNRGBA64(x, y, color.NRGBA64{R: 0x10FF, G: 0x2000, B: 0x30FF, A: 0x8000})
		seeThrough.SetNRGBA(x, y, color.NRGBA{R: 10, G: 20, B: 30, A: 0})
		gray.SetGray(x, y, color.Gray{Y: 77})
		opaque.SetRGBA(x, y, color.RGBA{R: 1, G: 2, B: 3, A: 255})
	})
	for _, test := range []struct {
		name   string
		encode func(*bytes.Buffer) error
		want   []byte // of each pixel
	}{
		{"16-bit gray png keeps the high byte", func(b *bytes.Buffer) error { return png.Encode(b, gray16) }, []byte{0xAB}},
		{"16-bit png keeps the high bytes", func(b *bytes.Buffer) error { return png.Encode(b, deep) }, []byte{0x10, 0x20, 0x30}},
		{"png keeps the colour under alpha", func(b *bytes.Buffer) error { return png.Encode(b, seeThrough) }, []byte{10, 20, 30}},
		{"gray png", func(b *bytes.Buffer) error { return png.Encode(b, gray) }, []byte{77}},
		{"gray jpeg", func(b *bytes.Buffer) error { return jpeg.Encode(b, gray, nil) }, []byte{77}},
		{"gray bmp has a palette", func(b *bytes.Buffer) error { return bmp.Encode(b, gray) }, []byte{77, 77, 77}},
		{"bmp", func(b *bytes.Buffer) error { return bmp.Encode(b, opaque) }, []byte{1, 2, 3}},
		{"bmp drops alpha", func(b *bytes.Buffer) error { return bmp.Encode(b, seeThrough) }, []byte{10, 20, 30}},
		{"tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, opaque, nil) }, []byte{1, 2, 3}},
		{"deflated tiff", func(b *bytes.Buffer) error {
			return tiff.Encode(b, opaque, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
		}, []byte{1, 2, 3}},
		{"16-bit gray tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, gray16, nil) }, []byte{0xAB}},
		{"16-bit tiff", func(b *bytes.Buffer) error { return tiff.Encode(b, deep, nil) }, []byte{0x10, 0x20, 0x30}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var file bytes.Buffer
			if err := test.encode(&file); err != nil {
				t.Fatal(err)
			}
			m, err := vision.Decode(file.Bytes(), vision.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if want := bytes.Repeat(test.want, 6); m.Width != 3 || m.Height != 2 || m.Channels != len(test.want) || !bytes.Equal(m.Pix, want) {
				t.Errorf("got %d x %d x %d %v, want 3 x 2 x %d %v", m.Width, m.Height, m.Channels, m.Pix, len(test.want), want)
			}
		})
	}
}

// TestDecodeGIFOnItsScreen decodes a first frame that is smaller than the screen, with
// and without a transparent colour.
func TestDecodeGIFOnItsScreen(t *testing.T) {
	red, blue := color.RGBA{R: 255, A: 255}, color.RGBA{B: 255, A: 255}
	for name, test := range map[string]struct {
		palette    color.Palette
		background [3]byte
	}{
		"the first colour":         {color.Palette{blue, red}, [3]byte{0, 0, 255}},
		"the transparent's colour": {color.Palette{blue, red, color.RGBA{}}, [3]byte{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			frame := image.NewPaletted(image.Rect(1, 1, 3, 2), test.palette)
			frame.Pix = []byte{1, 1}
			var file bytes.Buffer
			err := gif.EncodeAll(&file, &gif.GIF{
				Image: []*image.Paletted{frame, frame}, Delay: []int{0, 0},
				Config: image.Config{Width: 4, Height: 3, ColorModel: test.palette},
			})
			if err != nil {
				t.Fatal(err)
			}
			m, err := vision.Decode(file.Bytes(), vision.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat(test.background[:], 12)
			copy(want[3*5:], []byte{255, 0, 0, 255, 0, 0})
			if m.Width != 4 || m.Height != 3 || !bytes.Equal(m.Pix, want) {
				t.Errorf("got %d x %d %v, want 4 x 3 %v", m.Width, m.Height, m.Pix, want)
			}
		})
	}
}

// TestDecodeInterlaced decodes an image of 3 x 2, which has the first, fourth, sixth
// and seventh pass of Adam7.
func TestDecodeInterlaced(t *testing.T) {
	var passes bytes.Buffer
	z := zlib.NewWriter(&passes)
	_, err := z.Write([]byte{0, 1, 0, 3, 0, 2, 0, 4, 5, 6}) // each row follows its filter byte
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	const adam7 = 1
	file := slices.Concat(pngStart(3, 2, adam7), pngChunk("IDAT", passes.Bytes()), pngChunk("IEND", nil))
	m, err := vision.Decode(file, vision.Limits{})
	if err != nil || !bytes.Equal(m.Pix, []byte{1, 2, 3, 4, 5, 6}) {
		t.Errorf("Decode = %+v, %v", m, err)
	}
}

// pngChunk returns a chunk with its length and checksum.
func pngChunk(id string, content []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	chunk = append(append(chunk, id...), content...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

// pngStart returns an 8-bit gray PNG up to its pixels.
func pngStart(width, height uint32, interlace byte) []byte {
	header := binary.BigEndian.AppendUint32(nil, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 0, 0, 0, interlace)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", header)...)
}

func pngHeader(width, height uint32) []byte { return pngStart(width, height, 0) }

func bmpHeader(width, height int32) []byte {
	data := []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00")
	data = binary.LittleEndian.AppendUint32(data, uint32(width))
	data = binary.LittleEndian.AppendUint32(data, uint32(height))
	return append(data, append([]byte{1, 0, 24, 0}, make([]byte, 24)...)...)
}

// tiffHeader returns a TIFF of 8-bit gray that ends before its pixels.
func tiffHeader(width, height uint32) []byte {
	data := []byte("MM\x00*\x00\x00\x00\x08\x00\x04")
	for _, entry := range [][2]uint32{{0x0100, width}, {0x0101, height}, {0x0102, 8}, {0x0106, 1}} {
		data = binary.BigEndian.AppendUint16(data, uint16(entry[0]))
		data = append(data, 0, 4, 0, 0, 0, 1)
		data = binary.BigEndian.AppendUint32(data, entry[1])
	}
	return append(data, 0, 0, 0, 0)
}

func TestDecodeRejectsDecompressionBombs(t *testing.T) {
	jpegHeader := []byte("\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00")
	gifHeader := []byte("GIF89a\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\xff\xff\xff\x2c\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02")
	webpHeader := []byte("RIFF\x12\x00\x00\x00WEBPVP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f\x00")
	// 8000 x 6248 pixels of one component, progressive.
	scans := slices.Concat([]byte("\xff\xd8\xff\xc2\x00\x0b\x08\x18\x68\x1f\x40\x01\x01\x11\x00"), bytes.Repeat([]byte("\xff\xda"), 30), make([]byte, 50_000))
	for _, test := range []struct {
		name, message string
		data          []byte
		kind          error
	}{
		{"png", "image is 65535 x 65535 pixels (4294836225), the limit is 50000000 (max-image-pixels): resize it to at most 7071 x 7071, or raise the setting", pngHeader(65535, 65535), vision.ErrTooLarge},
		{"png beyond 64 bits of memory", "2147483647 x 2147483647", pngHeader(1<<31-1, 1<<31-1), vision.ErrTooLarge},
		{"png of one row", "the longest supported side is 65535", pngHeader(70000, 1), vision.ErrTooLarge},
		{"png of no rows", "", pngHeader(10, 0), vision.ErrCorrupt},
		{"png without its pixels", "cannot fit in 33 bytes", pngHeader(7000, 7000), vision.ErrCorrupt},
		{"bmp", "2147483647 x 2147483648 pixels", bmpHeader(1<<31-1, -1<<31), vision.ErrTooLarge},
		{"bmp without its pixels", "cannot fit in 54 bytes", bmpHeader(7000, -7000), vision.ErrCorrupt},
		{"bmp of no pixels", "width and height must be at least 1", bmpHeader(0, 0), vision.ErrCorrupt},
		{"tiff", "4294967295 x 4294967295 pixels (18446744065119617025)", tiffHeader(1<<32-1, 1<<32-1), vision.ErrTooLarge},
		{"jpeg", "65535 x 65535 pixels", jpegHeader, vision.ErrTooLarge},
		{"jpeg of many scans", "has 30 scans, at most 20", scans, vision.ErrUnsupported},
		{"gif", "65535 x 65535 pixels", gifHeader, vision.ErrTooLarge},
		{"webp", "16384 x 16384 pixels", webpHeader, vision.ErrTooLarge},
		{"webp chunk of 2 GiB", "longer than the file", []byte("RIFF\x16\x00\x00\x00WEBPVP8 \xff\xff\xff\x7f\x00\x00\x00\x9d\x01\x2a\x01\x00\x01\x00"), vision.ErrCorrupt},
		{"animated webp", "animated", []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00"), vision.ErrUnsupported},
		{"no image", "start with 68 65 6c 6c 6f", []byte("hello"), vision.ErrUnsupported},
		{"nothing", "there are no bytes: send a JPEG", nil, vision.ErrUnsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			m, err := vision.Decode(test.data, vision.Limits{})
			runtime.ReadMemStats(&after)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("Decode = %v, %v; want an error of kind %q with %q", m, err, test.kind, test.message)
			}
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 1<<20 {
				t.Errorf("allocated %d bytes to reject %d", spent, len(test.data))
			}
		})
	}
}

func TestDecodeHonoursTheLimit(t *testing.T) {
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 10, 10))); err != nil {
		t.Fatal(err)
	}
	if _, err := vision.Decode(file.Bytes(), vision.Limits{MaxPixels: 100}); err != nil {
		t.Errorf("100 pixels, limit 100: %v", err)
	}
	if _, err := vision.Decode(file.Bytes(), vision.Limits{MaxPixels: 99}); !errors.Is(err, vision.ErrTooLarge) {
		t.Errorf("100 pixels, limit 99: %v", err)
	}
}

// TestDecodeTruncated truncates every file at every byte. The result must be an error,
// or for a GIF or TIFF the whole image if only trailing data is missing.
func TestDecodeTruncated(t *testing.T) {
	for name, data := range files(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, err := vision.Decode(data, vision.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for n := range data {
				m, err := vision.Decode(data[:n], vision.Limits{})
				switch {
				case err != nil && m == nil:
					if n > 1 && (!errors.Is(err, vision.ErrCorrupt) || !strings.Contains(err.Error(), "ends early")) {
						t.Errorf("cut at %d of %d: the error does not say so: %v", n, len(data), err)
					}
				case !strings.HasPrefix(name, "gif") && !strings.HasPrefix(name, "tiff"):
					t.Fatalf("cut at %d of %d: no error", n, len(data))
				case !bytes.Equal(m.Pix, whole.Pix):
					t.Fatalf("cut at %d of %d: decoded to different pixels", n, len(data))
				}
			}
		})
	}
}

// TestDecodeUnsupported checks that an unsupported feature is not reported as corrupt
// data.
func TestDecodeUnsupported(t *testing.T) {
	arithmetic := []byte("\xff\xd8\xff\xc9\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00")
	if _, err := vision.Decode(arithmetic, vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) {
		t.Errorf("arithmetic coding: %v", err)
	}
	compressed := bmpHeader(4, 4)
	compressed[30] = 1 // run-length encoding
	if _, err := vision.Decode(compressed, vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) {
		t.Errorf("compressed bmp: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range [][]byte{pngHeader(2, 2), bmpHeader(2, 2), tiffHeader(2, 2), []byte("GIF89a"), []byte("RIFF\x12\x00\x00\x00WEBPVP8L")} {
		f.Add(seed)
	}
	small := image.NewPaletted(image.Rect(0, 0, 9, 7), color.Palette{color.Black, color.White, color.Transparent})
	var files [5]bytes.Buffer
	for i, err := range []error{
		png.Encode(&files[0], small), gif.Encode(&files[1], small, nil), jpeg.Encode(&files[2], small, nil),
		bmp.Encode(&files[3], small), tiff.Encode(&files[4], small, &tiff.Options{Compression: tiff.Deflate}),
	} {
		if err != nil {
			f.Fatal(err)
		}
		f.Add(files[i].Bytes())
	}
	f.Add(withEXIF(files[2].Bytes(), exifBlock(binary.BigEndian, 6)))
	f.Add(withoutSegments(files[2].Bytes(), 0xC4))
	f.Add(withChunk(files[0].Bytes(), "zTXt", []byte("XML:com.adobe.xmp\x00\x00"+deflated(xmpElement))))
	f.Add(withChunk(files[0].Bytes(), "tEXt", []byte("Raw profile type exif\x00"+rawProfile(exifBlock(binary.LittleEndian, 6)))))
	for _, layout := range []tiffFile{{fillOrder: 2}, {tile: 16}, {predictor: 2, compression: 8}} {
		layout.order, layout.photometric, layout.bits, layout.samples = binary.BigEndian, 1, 8, 1
		layout.fill(rand.New(rand.NewPCG(1, 2)))
		f.Add(layout.encode())
	}
	f.Add([]byte("RIFF\x1c\x00\x00\x00WEBPVP8L\x0f\x00\x00\x00\x2f\x00\x00\x00\x00\x07\xd0\xff\xfe\xf7\xbf\xff\x81\x88\x88\x01\x00"))
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := vision.Decode(data, vision.Limits{MaxPixels: limit})
		if err != nil {
			if m != nil || !errors.Is(err, vision.ErrCorrupt) && !errors.Is(err, vision.ErrTooLarge) && !errors.Is(err, vision.ErrUnsupported) {
				t.Fatalf("Decode = %v, %v", m, err)
			}
			return
		}
		if m.Width < 1 || m.Height < 1 || m.Width*m.Height > limit || len(m.Pix) != m.Width*m.Height*m.Channels {
			t.Fatalf("decoded %d x %d x %d in %d bytes", m.Width, m.Height, m.Channels, len(m.Pix))
		}
		p := vision.DefaultPreprocess()
		if err := p.ApplyUint8(make([]byte, 48), m, vision.Target{Width: 4, Height: 4, Channels: 3}); err != nil {
			t.Fatal(err)
		}
	})
}
