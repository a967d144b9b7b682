package vision_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// exifEntry returns a TIFF structure whose one entry is the orientation, with values of any
// type.
func exifEntry(order tiffOrder, kind uint16, count uint32, values []byte) []byte {
	block := []byte("II*\x00")
	if order == tiffOrder(binary.BigEndian) {
		block = []byte("MM\x00*")
	}
	block = order.AppendUint32(block, 8)
	block = order.AppendUint16(block, 1)
	block = order.AppendUint16(block, 0x0112)
	block = order.AppendUint16(block, kind)
	block = order.AppendUint32(block, count)
	if len(values) <= 4 {
		return append(append(block, values...), make([]byte, 8-len(values))...)
	}
	block = order.AppendUint32(block, 26)
	return append(append(block, 0, 0, 0, 0), values...)
}

// segment returns an APP1 segment of a JPEG.
func segment(content string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(len(content)+2)), content...)
}

func deflated(text string) string {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return out.String()
}

// rawProfile returns the text under which ImageMagick stores EXIF.
func rawProfile(block []byte) string {
	digits := hex.EncodeToString(block)
	lines := ""
	for part := range slices.Chunk([]byte(digits), 72) {
		lines += string(part) + "\n"
	}
	return fmt.Sprintf("\nexif\n%8d\n%s", len(block), lines)
}

const (
	xmpInJPEG    = "http://ns.adobe.com/xap/1.0/\x00"
	xmpAttribute = `<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>`
	xmpElement   = `<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>`
	xmpUndefined = `<x:xmpmeta><tiff:Orientation>9</tiff:Orientation></x:xmpmeta>`
	xmpOfThree   = `<x:xmpmeta><rdf:Description tiff:Orientation="3"/></x:xmpmeta>`
)

// TestOrientationOfMetadata finds the orientation in every place where Pillow's exif_transpose does, by
// the first row's side: "right" for orientation 6, "top" for 1, "bottom" for 3.
func TestOrientationOfMetadata(t *testing.T) {
	var asJPEG, asPNG bytes.Buffer
	if err := jpeg.Encode(&asJPEG, cornered(), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&asPNG, cornered()); err != nil {
		t.Fatal(err)
	}
	inJPEG := func(contents ...string) []byte {
		file := asJPEG.Bytes()[:2:2]
		for _, content := range contents {
			file = append(file, segment(content)...)
		}
		return append(file, asJPEG.Bytes()[2:]...)
	}
	inPNG := func(chunks ...string) []byte {
		file := asPNG.Bytes()
		for i := 0; i < len(chunks); i += 2 {
			file = withChunk(file, chunks[i], []byte(chunks[i+1]))
		}
		return file
	}
	tiffWith := func(tags map[int][]int) []byte {
		f := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, compression: 1, width: 40, height: 24, tags: tags}
		for _, v := range cornered().Pix {
			f.pixels = append(f.pixels, int(v))
		}
		return f.encode()
	}
	six, one, undefined := string(exifBlock(binary.BigEndian, 6)), string(exifBlock(binary.LittleEndian, 1)), string(exifBlock(binary.BigEndian, 0))
	const exif = "Exif\x00\x00"
	for name, test := range map[string]struct {
		file []byte
		row  string
	}{
		"jpeg, attribute of XMP":               {inJPEG(xmpInJPEG + xmpAttribute), "right"},
		"jpeg, element of XMP":                 {inJPEG(xmpInJPEG + xmpElement), "right"},
		"jpeg, undefined value in XMP":         {inJPEG(xmpInJPEG + xmpUndefined), "top"},
		"jpeg, last of two XMP":                {inJPEG(xmpInJPEG+xmpOfThree, xmpInJPEG+xmpElement), "right"},
		"jpeg, EXIF before XMP":                {inJPEG(xmpInJPEG+xmpAttribute, exif+one), "top"},
		"jpeg, undefined EXIF before XMP":      {inJPEG(xmpInJPEG+xmpAttribute, exif+undefined), "top"},
		"jpeg, empty EXIF and XMP":             {inJPEG(exif, xmpInJPEG+xmpAttribute), "right"},
		"jpeg, empty EXIF before the real one": {inJPEG(exif, exif+six), "right"},
		"jpeg, first of two EXIF":              {inJPEG(exif+six, exif+one), "right"},
		"jpeg, header twice":                   {inJPEG(exif + exif + six), "right"},
		"png, eXIf":                            {inPNG("eXIf", six), "right"},
		"png, eXIf with a header":              {inPNG("eXIf", exif+six), "right"},
		"png, profile in tEXt":                 {inPNG("tEXt", "Raw profile type exif\x00"+rawProfile([]byte(exif+six))), "right"},
		"png, profile without a header":        {inPNG("tEXt", "Raw profile type exif\x00"+rawProfile([]byte(six))), "right"},
		"png, profile in zTXt":                 {inPNG("zTXt", "Raw profile type exif\x00\x00"+deflated(rawProfile([]byte(exif+six)))), "right"},
		"png, profile in iTXt":                 {inPNG("iTXt", "Raw profile type exif\x00\x00\x00\x00\x00"+rawProfile([]byte(exif+six))), "right"},
		"png, eXIf before a profile":           {inPNG("tEXt", "Raw profile type exif\x00"+rawProfile([]byte(six)), "eXIf", one), "top"},
		"png, malformed profile":               {inPNG("tEXt", "Raw profile type exif\x00\nexif\n 8\nxyz"), "top"},
		"png, XMP in iTXt":                     {inPNG("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmpAttribute), "right"},
		"png, compressed XMP in iTXt":          {inPNG("iTXt", "XML:com.adobe.xmp\x00\x01\x00\x00\x00"+deflated(xmpElement)), "right"},
		"png, XMP in tEXt":                     {inPNG("tEXt", "XML:com.adobe.xmp\x00"+xmpElement), "right"},
		"png, XMP in zTXt":                     {inPNG("zTXt", "XML:com.adobe.xmp\x00\x00"+deflated(xmpElement)), "right"},
		"png, XMP that is not deflate":         {inPNG("zTXt", "XML:com.adobe.xmp\x00\x00"+xmpElement), "top"},
		"png, a chunk after the end":           {append(bytes.Clone(asPNG.Bytes()), pngChunk("eXIf", []byte(six))...), "top"},
		"tiff, its own entry":                  {tiffWith(map[int][]int{0x0112: {6}}), "right"},
		"tiff, undefined value":                {tiffWith(map[int][]int{0x0112: {9}}), "top"},
	} {
		m, err := vision.Decode(test.file, vision.Limits{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if row, _ := edges(m); row != test.row {
			t.Errorf("%s: the first row is at the %s, want %s", name, row, test.row)
		}
	}
}

// TestOrientationOfEveryType compares types and counts with Pillow 13: all numbers count except
// BYTE, and of several the first.
func TestOrientationOfEveryType(t *testing.T) {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, cornered(), nil); err != nil {
		t.Fatal(err)
	}
	for _, order := range []tiffOrder{binary.LittleEndian, binary.BigEndian} {
		for kind, test := range map[uint16]struct {
			value []byte
			turns bool
		}{
			1: {[]byte{6}, false}, 2: {[]byte{'6'}, false}, 6: {[]byte{6}, true}, 7: {[]byte{6}, false},
			3: {order.AppendUint16(nil, 6), true}, 8: {order.AppendUint16(nil, 6), true},
			4: {order.AppendUint32(nil, 6), true}, 9: {order.AppendUint32(nil, 6), true}, 13: {order.AppendUint32(nil, 6), true},
			5: {order.AppendUint32(order.AppendUint32(nil, 6), 1), true}, 10: {order.AppendUint32(order.AppendUint32(nil, 6), 1), true},
			11: {order.AppendUint32(nil, math.Float32bits(6)), true}, 12: {order.AppendUint64(nil, math.Float64bits(6)), true},
			99: {[]byte{6}, false},
		} {
			for count := 1; count <= 3; count++ {
				block := exifEntry(order, kind, uint32(count), bytes.Repeat(test.value, count))
				m, err := vision.Decode(withEXIF(file.Bytes(), block), vision.Limits{})
				if err != nil || (m.Height == 40) != test.turns {
					t.Errorf("%v, %d values of type %d: %v, want turned %v", order, count, kind, err, test.turns)
				}
			}
		}
		for _, value := range []float64{6.5, math.NaN(), math.Inf(1), -6, 1e300} {
			block := exifEntry(order, 12, 1, order.AppendUint64(nil, math.Float64bits(value)))
			if m, err := vision.Decode(withEXIF(file.Bytes(), block), vision.Limits{}); err != nil || m.Height == 40 {
				t.Errorf("orientation %v: %v", value, err)
			}
		}
	}
}

// TestOrientationOfWebP requires the flags that libwebp requires.
func TestOrientationOfWebP(t *testing.T) {
	const exifFlag, xmpFlag = 1 << 3, 1 << 2
	file := func(flags byte, id, content string) []byte {
		chunk := func(id, content string) string {
			size := binary.LittleEndian.AppendUint32(nil, uint32(len(content)))
			return id + string(size) + content + "\x00"[:len(content)%2]
		}
		pixels := string(webpOfOneColor(4, 2)[12:])
		body := "WEBP" + chunk("VP8X", string([]byte{flags, 0, 0, 0, 3, 0, 0, 1, 0, 0})) + pixels + chunk(id, content)
		return []byte("RIFF" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(body)))) + body)
	}
	six := string(exifBlock(binary.LittleEndian, 6))
	for name, test := range map[string]struct {
		file  []byte
		turns bool
	}{
		"EXIF":               {file(exifFlag, "EXIF", six), true},
		"EXIF with a header": {file(exifFlag, "EXIF", "Exif\x00\x00"+six), true},
		"EXIF without flag":  {file(0, "EXIF", six), false},
		"XMP":                {file(xmpFlag, "XMP ", xmpElement), true},
		"XMP without flag":   {file(exifFlag, "XMP ", xmpElement), false},
	} {
		if m, err := vision.Decode(test.file, vision.Limits{}); err != nil || (m.Width == 2) != test.turns {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestMetadataIsBounded decodes images whose metadata decompresses to much, and repeats.
func TestMetadataIsBounded(t *testing.T) {
	bomb := deflated(string(make([]byte, 64<<20)))
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	data := file.Bytes()
	for range 20 {
		data = withChunk(data, "zTXt", []byte("XML:com.adobe.xmp\x00\x00"+bomb))
		data = withChunk(data, "zTXt", []byte("Raw profile type exif\x00\x00"+bomb))
	}
	cost, err := vision.Measure(data, vision.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := vision.Decode(data, vision.Limits{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > cost.Bytes {
		t.Errorf("Decode allocated %d bytes; Measure returned %d", spent, cost.Bytes)
	}

	file.Reset()
	if err := jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	many := file.Bytes()[:2:2]
	for range 100 {
		many = append(many, segment("Exif\x00\x00"+string(make([]byte, 60_000)))...)
	}
	many = append(many, file.Bytes()[2:]...)
	if cost, err = vision.Measure(many, vision.Limits{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&before)
	if _, err := vision.Decode(many, vision.Limits{}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if spent := int64(after.TotalAlloc - before.TotalAlloc); spent > cost.Bytes-int64(len(many)) {
		t.Errorf("Decode allocated %d bytes besides the file; Measure returned %d", spent, cost.Bytes-int64(len(many)))
	}
}
