package vision_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// tiffOrder is a byte order of a TIFF.
type tiffOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// tiffFile is a TIFF to write. Zero values are the defaults of TIFF 6.0, except bits.
type tiffFile struct {
	order                                                 tiffOrder
	photometric, bits, samples                            int
	extra                                                 []int
	compression, fillOrder, predictor, planar, rows, tile int
	odd                                                   bool          // the directory is at an odd offset
	tags                                                  map[int][]int // replace what follows from the rest; nil removes a tag

	width, height int
	pixels        []int // samples of each pixel
	palette       []int
}

func (f *tiffFile) String() string {
	return fmt.Sprintf("%v, photometric %d, %d x %d bits, extra %v, compression %d, fill order %d, predictor %d, planar %d, rows %d, tile %d, odd %v, tags %v",
		f.order, f.photometric, f.samples, f.bits, f.extra, f.compression, f.fillOrder, f.predictor, f.planar, f.rows, f.tile, f.odd, f.tags)
}

// fill sets pixels and a palette at random.
func (f *tiffFile) fill(random *rand.Rand) {
	f.width, f.height = 19, 7
	f.pixels = make([]int, f.width*f.height*f.samples)
	for i := range f.pixels {
		f.pixels[i] = random.IntN(1 << min(f.bits, 31))
	}
	if f.photometric == 3 {
		f.palette = make([]int, 3<<min(f.bits, 8))
		for i := range f.palette {
			f.palette[i] = random.IntN(1 << 16)
		}
	}
}

// rgb returns the pixels as Pillow converts them; the upper byte of 16-bit samples.
func (f *tiffFile) rgb() []byte {
	level := func(v int) byte {
		if f.bits > 8 {
			return byte(v >> (f.bits - 8))
		}
		return byte(v * 255 / (1<<f.bits - 1))
	}
	var out []byte
	for at := 0; at < len(f.pixels); at += f.samples {
		p := f.pixels[at : at+f.samples]
		switch f.photometric {
		case 0:
			v := 255 - level(p[0])
			out = append(out, v, v, v)
		case 1:
			v := level(p[0])
			out = append(out, v, v, v)
		case 2:
			c := [3]byte{level(p[0]), level(p[1]), level(p[2])}
			if len(f.extra) > 0 && f.extra[0] == 1 { // colour is multiplied by alpha
				alpha := int(level(p[3]))
				for i, v := range c {
					c[i] = byte(min(255*int(v)/max(alpha, 1), 255*min(alpha, 1)))
				}
			}
			out = append(out, c[:]...)
		case 3:
			n := len(f.palette) / 3
			for i := range 3 {
				out = append(out, byte(f.palette[i*n+p[0]]>>8))
			}
		}
	}
	return out
}

// block returns the encoded samples of a rectangle, of one plane or all.
func (f *tiffFile) block(x0, y0, width, height, plane int) []byte {
	var raw []byte
	for y := y0; y < y0+height; y++ {
		var row []int
		for x := x0; x < x0+width; x++ {
			for s := range f.samples {
				switch inside := x < f.width && y < f.height; {
				case plane >= 0 && s != plane:
				case inside:
					row = append(row, f.pixels[(y*f.width+x)*f.samples+s])
				default:
					row = append(row, 0)
				}
			}
		}
		raw = append(raw, f.packRow(row, plane)...)
	}
	return f.compress(raw)
}

func (f *tiffFile) packRow(row []int, plane int) (packed []byte) {
	step := f.samples
	if plane >= 0 {
		step = 1
	}
	if f.predictor == 2 && (f.compression == 8 || f.compression == 32946) {
		for i := len(row) - 1; i >= step; i-- {
			row[i] = (row[i] - row[i-step]) & (1<<f.bits - 1)
		}
	}
	switch f.bits {
	case 16:
		for _, v := range row {
			packed = f.order.AppendUint16(packed, uint16(v))
		}
		return packed
	case 32:
		for _, v := range row {
			packed = f.order.AppendUint32(packed, uint32(v))
		}
		return packed
	}
	packed = make([]byte, (len(row)*f.bits+7)/8)
	for i, v := range row {
		for b := range f.bits {
			if at := i*f.bits + b; v>>(f.bits-1-b)&1 != 0 {
				packed[at/8] |= 0x80 >> (at % 8)
			}
		}
	}
	return packed
}

// tiffDeflater is reused, because it takes longer to create than to use.
var tiffDeflater = zlib.NewWriter(nil)

func (f *tiffFile) compress(raw []byte) []byte {
	var out bytes.Buffer
	switch f.compression {
	case 8, 32946:
		tiffDeflater.Reset(&out)
		_, err := tiffDeflater.Write(raw)
		if err := errors.Join(err, tiffDeflater.Close()); err != nil {
			panic(err)
		}
	case 32773: // literal runs of PackBits
		for part := range slices.Chunk(raw, 128) {
			out.WriteByte(byte(len(part) - 1))
			out.Write(part)
		}
	default:
		out.Write(raw)
	}
	if f.fillOrder == 2 {
		return reversed(out.Bytes())
	}
	return out.Bytes()
}

func reversed(data []byte) []byte {
	out := bytes.Clone(data)
	for i, b := range out {
		out[i] = bits.Reverse8(b)
	}
	return out
}

// blocks returns the strips or tiles.
func (f *tiffFile) blocks() (blocks [][]byte) {
	planes := []int{-1}
	if f.planar == 2 {
		planes = nil
		for s := range f.samples {
			planes = append(planes, s)
		}
	}
	for _, plane := range planes {
		if f.tile > 0 {
			for y := 0; y < f.height; y += f.tile {
				for x := 0; x < f.width; x += f.tile {
					blocks = append(blocks, f.block(x, y, f.tile, f.tile, plane))
				}
			}
			continue
		}
		rows := f.rows
		if rows == 0 {
			rows = f.height
		}
		for y := 0; y < f.height; y += rows {
			blocks = append(blocks, f.block(0, y, f.width, min(rows, f.height-y), plane))
		}
	}
	return blocks
}

// encode returns the file with the strips or tiles.
func (f *tiffFile) encode() []byte { return f.encodeBlocks(f.blocks()) }

func (f *tiffFile) encodeBlocks(blocks [][]byte) []byte {
	data := []byte("II*\x00\x00\x00\x00\x00")
	if f.order == tiffOrder(binary.BigEndian) {
		data = []byte("MM\x00*\x00\x00\x00\x00")
	}
	var offsets, counts []int
	for _, block := range blocks {
		offsets, counts = append(offsets, len(data)), append(counts, len(block))
		data = append(data, block...)
	}
	if odd := len(data)%2 != 0; odd != f.odd {
		data = append(data, 0)
	}
	f.order.PutUint32(data[4:], uint32(len(data)))
	return f.appendDirectory(data, f.allTags(offsets, counts))
}

func (f *tiffFile) allTags(offsets, counts []int) map[int][]int {
	tags := map[int][]int{256: {f.width}, 257: {f.height}, 258: slices.Repeat([]int{f.bits}, f.samples), 262: {f.photometric}, 277: {f.samples}}
	for tag, value := range map[int]int{259: f.compression, 266: f.fillOrder, 317: f.predictor, 284: f.planar, 278: f.rows, 322: f.tile, 323: f.tile} {
		if value != 0 {
			tags[tag] = []int{value}
		}
	}
	if f.tile > 0 {
		tags[324], tags[325] = offsets, counts
	} else {
		tags[273], tags[279] = offsets, counts
	}
	if f.extra != nil {
		tags[338] = f.extra
	}
	if f.palette != nil {
		tags[320] = f.palette
	}
	for tag, values := range f.tags {
		tags[tag] = values
		if values == nil {
			delete(tags, tag)
		}
	}
	return tags
}

// appendDirectory appends a directory of tags as LONG, and their values.
func (f *tiffFile) appendDirectory(data []byte, tags map[int][]int) []byte {
	numbers := make([]int, 0, len(tags))
	for tag := range tags {
		numbers = append(numbers, tag)
	}
	slices.Sort(numbers)
	data = f.order.AppendUint16(data, uint16(len(tags)))
	rest, at := []byte(nil), len(data)+12*len(tags)+4
	for _, tag := range numbers {
		data = f.order.AppendUint16(data, uint16(tag))
		data = f.order.AppendUint16(data, 4)
		data = f.order.AppendUint32(data, uint32(len(tags[tag])))
		if len(tags[tag]) == 1 {
			data = f.order.AppendUint32(data, uint32(tags[tag][0]))
			continue
		}
		data = f.order.AppendUint32(data, uint32(at+len(rest)))
		for _, v := range tags[tag] {
			rest = f.order.AppendUint32(rest, uint32(v))
		}
	}
	return append(append(data, 0, 0, 0, 0), rest...)
}

// tiffVariants calls yield with every combination, as long as it returns true.
func tiffVariants(yield func(tiffFile) bool) {
	samples := []struct {
		photometric, samples int
		extra                []int
	}{
		{0, 1, nil},
		{1, 1, nil},
		{3, 1, nil},
		{2, 3, nil},
		{2, 4, []int{1}},
		{2, 4, []int{2}},
		{2, 4, nil},
		{2, 4, []int{0}},
		{2, 5, []int{2, 0}},
		{2, 2, nil},
		{1, 2, []int{2}},
		{1, 2, nil},
		{3, 2, []int{2}},
		{4, 1, nil},
		{5, 4, nil},
		{6, 3, nil},
		{8, 3, nil},
	}
	for _, order := range []tiffOrder{binary.LittleEndian, binary.BigEndian} {
		for _, s := range samples {
			for _, depth := range []int{1, 4, 8, 16, 32} {
				for _, compression := range []int{0, 1, 8, 32773, 7} {
					for _, layout := range []tiffFile{
						{},
						{fillOrder: 2},
						{predictor: 2},
						{predictor: 3},
						{planar: 2},
						{rows: 3},
						{rows: 3, fillOrder: 2, predictor: 2},
						{tile: 16},
						{tile: 16, fillOrder: 2},
						{tile: 16, predictor: 2},
						{odd: true},
						{planar: 2, rows: 2},
						{tags: map[int][]int{339: {2}}},
						{tags: map[int][]int{277: nil}},
					} {
						f := layout
						f.order, f.photometric, f.samples, f.extra, f.bits, f.compression = order, s.photometric, s.samples, s.extra, depth, compression
						if !yield(f) {
							return
						}
					}
				}
			}
		}
	}
}

// TestTIFFIsEqualOrRejected writes TIFFs of every combination. Each is decoded to its pixels,
// or is an error that is not the decoder's own.
func TestTIFFIsEqualOrRejected(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	equal, rejected := 0, 0
	for f := range tiffVariants {
		f.fill(random)
		m, err := vision.Decode(f.encode(), vision.Limits{})
		switch {
		case errors.Is(err, vision.ErrUnsupported) && strings.HasPrefix(err.Error(), "tiff image is not supported: "),
			errors.Is(err, vision.ErrCorrupt) && strings.HasPrefix(err.Error(), "tiff image is malformed: it is RGB of "):
			rejected++
		case err != nil:
			t.Errorf("%v: %v", &f, err)
		case m.Width != f.width || m.Height != f.height || !bytes.Equal(m.RGB().Pix, f.rgb()):
			t.Errorf("%v: the pixels differ", &f)
		default:
			equal++
		}
	}
	if equal < 500 || rejected < 500 {
		t.Errorf("%d are equal, %d are rejected", equal, rejected)
	}
}

// TestTIFFSupported lists what must not be rejected.
func TestTIFFSupported(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	base := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, compression: 1}
	with := func(change func(*tiffFile)) tiffFile {
		f := base
		change(&f)
		return f
	}
	for _, f := range []tiffFile{
		base,
		with(func(f *tiffFile) { f.photometric, f.bits = 0, 1 }),
		with(func(f *tiffFile) { f.photometric, f.bits, f.fillOrder = 0, 1, 2 }),
		with(func(f *tiffFile) { f.bits, f.fillOrder = 1, 2 }),
		with(func(f *tiffFile) { f.bits = 16 }),
		with(func(f *tiffFile) { f.photometric, f.samples = 2, 3 }),
		with(func(f *tiffFile) { f.photometric, f.samples, f.extra = 2, 4, []int{1} }),
		with(func(f *tiffFile) { f.photometric, f.samples, f.extra, f.bits = 2, 4, []int{1}, 16 }),
		with(func(f *tiffFile) { f.photometric, f.samples, f.extra = 2, 4, []int{2} }),
		with(func(f *tiffFile) { f.photometric = 3 }),
		with(func(f *tiffFile) { f.predictor = 2 }), // without compression there is no predictor
		with(func(f *tiffFile) { f.predictor, f.compression, f.bits = 2, 8, 16 }),
		with(func(f *tiffFile) { f.planar = 2 }), // one sample has one plane
		with(func(f *tiffFile) { f.tile, f.compression = 16, 32773 }),
		with(func(f *tiffFile) { f.odd = true }),
	} {
		f.fill(random)
		if m, err := vision.Decode(f.encode(), vision.Limits{}); err != nil || !bytes.Equal(m.RGB().Pix, f.rgb()) {
			t.Errorf("%v: %v", &f, err)
		}
	}
}

func TestTIFFRejectsByName(t *testing.T) {
	for _, test := range []struct {
		says string
		tags map[int][]int
		kind error
	}{
		{"its compression is JPEG", map[int][]int{259: {7}}, vision.ErrUnsupported},
		{"its compression is old-style JPEG", map[int][]int{259: {6}}, vision.ErrUnsupported},
		{"its compression is CCITT run-length", map[int][]int{259: {2}}, vision.ErrUnsupported},
		{"its compression is zstd", map[int][]int{259: {50000}}, vision.ErrUnsupported},
		{"its compression is 12345", map[int][]int{259: {12345}}, vision.ErrUnsupported},
		{"its compression is two-dimensional CCITT Group 3", map[int][]int{259: {3}, 292: {1}, 258: {1}}, vision.ErrUnsupported},
		{"its compression is CCITT Group 3 with uncompressed parts", map[int][]int{259: {3}, 292: {2}, 258: {1}}, vision.ErrUnsupported},
		{"its compression is CCITT Group 4 with uncompressed parts", map[int][]int{259: {4}, 293: {2}, 258: {1}}, vision.ErrUnsupported},
		{"with lines that end at a byte", map[int][]int{259: {3}, 292: {4}, 258: {1}}, vision.ErrUnsupported},
		{"its compression is CCITT Group 4, with 8 bits a sample", map[int][]int{259: {4}}, vision.ErrUnsupported},
		{"its colors are CMYK", map[int][]int{262: {5}}, vision.ErrUnsupported},
		{"its colors are YCbCr", map[int][]int{262: {6}}, vision.ErrUnsupported},
		{"its colors are 77", map[int][]int{262: {77}}, vision.ErrUnsupported},
		{"its samples are gray of 4 bits, where 1, 8 and 16 are supported", map[int][]int{258: {4}}, vision.ErrUnsupported},
		{"its samples are floating point", map[int][]int{339: {3}}, vision.ErrUnsupported},
		{"its SamplesPerPixel is 3", map[int][]int{277: {3}}, vision.ErrUnsupported},
		{"its fourth sample is not alpha", map[int][]int{262: {2}, 277: {4}, 258: {8, 8, 8, 8}}, vision.ErrUnsupported},
		{"its PlanarConfiguration is 2", map[int][]int{262: {2}, 277: {3}, 258: {8, 8, 8}, 284: {2}}, vision.ErrUnsupported},
		{"it has 2 samples a pixel, of which the first are gray", map[int][]int{277: {2}, 258: {8, 8}, 338: {2}}, vision.ErrUnsupported},
		{"which differ", map[int][]int{262: {2}, 277: {3}, 258: {8, 8, 16}}, vision.ErrUnsupported},
		{"its predictor is that of floating point", map[int][]int{259: {5}, 317: {3}}, vision.ErrUnsupported},
		{"its FillOrder is 3", map[int][]int{266: {3}}, vision.ErrCorrupt},
		{"it has a palette, and no ColorMap", map[int][]int{262: {3}}, vision.ErrCorrupt},
		{"no offset and byte count for each", map[int][]int{279: nil}, vision.ErrCorrupt},
		{"no offset and byte count for each", map[int][]int{278: {1}}, vision.ErrCorrupt},
		{"strips and tiles", map[int][]int{322: {16}, 323: {16}}, vision.ErrCorrupt},
		{"ends early", map[int][]int{273: {1 << 20}}, vision.ErrCorrupt},
		{"overlap", map[int][]int{266: {2}, 278: {1}, 273: {8, 8, 8, 8, 8, 8, 8}, 279: {100, 100, 100, 100, 100, 100, 100}}, vision.ErrCorrupt},
	} {
		f := tiffFile{order: binary.BigEndian, photometric: 1, bits: 8, samples: 1, compression: 1, tags: test.tags}
		f.fill(rand.New(rand.NewPCG(5, 6)))
		if m, err := vision.Decode(f.encode(), vision.Limits{}); !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Decode = %v, %v; want %q", m, err, test.says)
		}
	}
	lzw := tiffFile{order: binary.BigEndian, photometric: 1, bits: 8, samples: 1, compression: 5}
	lzw.fill(rand.New(rand.NewPCG(7, 8)))
	if _, err := vision.Decode(lzw.encodeBlocks([][]byte{{0, 1, 2, 3}}), vision.Limits{}); err == nil || !strings.Contains(err.Error(), "old-style LZW") {
		t.Errorf("LZW of before TIFF 6.0: %v", err)
	}
}

// TestTIFFOfFax decodes rows whose first half is white for the fax, in both meanings of white
// and both orders of bits (ITU-T T.4 and T.6).
func TestTIFFOfFax(t *testing.T) {
	const (
		group3Row   = "000000000001" + "10011" + "000101" // end of line, 8 white, 8 black
		group4First = "001" + "10011" + "000101"          // horizontal mode
		group4Next  = "11"                                // like the row above
		group4End   = "000000000001000000000001"
	)
	codes := map[int]string{3: strings.Repeat(group3Row, 4), 4: group4First + strings.Repeat(group4Next, 3) + group4End}
	for compression, code := range codes {
		for _, fillOrder := range []int{1, 2} {
			for photometric, half := range map[int]byte{0: 255, 1: 0} {
				f := tiffFile{order: binary.LittleEndian, photometric: photometric, bits: 1, samples: 1, compression: compression, fillOrder: fillOrder, width: 16, height: 4}
				block := packBits(code)
				if fillOrder == 2 {
					block = reversed(block)
				}
				m, err := vision.Decode(f.encodeBlocks([][]byte{block}), vision.Limits{})
				want := bytes.Repeat(append(bytes.Repeat([]byte{half}, 8), bytes.Repeat([]byte{^half}, 8)...), 4)
				if err != nil || !bytes.Equal(m.Pix, want) {
					t.Errorf("compression %d, fill order %d, photometric %d: %+v, %v", compression, fillOrder, photometric, m, err)
				}
			}
		}
	}
}

// packBits packs a text of zeros and ones, the first one into the highest bit.
func packBits(text string) []byte {
	out := make([]byte, (len(text)+7)/8)
	for i, c := range text {
		if c == '1' {
			out[i/8] |= 0x80 >> (i % 8)
		}
	}
	return out
}
