package vision_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// encodeShared returns the file with the same block for each strip or tile.
func (f *tiffFile) encodeShared(block []byte) []byte {
	offsets := slices.Repeat([]int{8}, len(f.blocks()))
	counts := slices.Repeat([]int{len(block)}, len(offsets))
	data := append([]byte("II*\x00\x00\x00\x00\x00"), block...)
	if len(data)%2 != 0 {
		data = append(data, 0)
	}
	binary.LittleEndian.PutUint32(data[4:], uint32(len(data)))
	return f.appendDirectory(data, f.allTags(offsets, counts))
}

// Each strip is the same megabyte, which decompresses to one row. With 65,535 strips a decoder
// would take hours for a small file.
func TestStripsThatOverlapAreRejected(t *testing.T) {
	row := make([]byte, 8)
	var deflated bytes.Buffer
	z := zlib.NewWriter(&deflated)
	for range 1 << 16 {
		if err := z.Flush(); err != nil { // an empty block
			t.Fatal(err)
		}
	}
	_, err := z.Write(row)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	packed := append(bytes.Repeat([]byte{0x80}, 1<<20), append([]byte{7}, row...)...) // no operation, and eight bytes
	for name, test := range map[string]struct {
		compression, fillOrder int
		block                  []byte
	}{
		"Deflate":            {8, 0, deflated.Bytes()},
		"old Deflate":        {32946, 0, deflated.Bytes()},
		"PackBits":           {32773, 0, packed},
		"LZW":                {5, 0, bytes.Repeat([]byte{0x80, 0x40, 0x20, 0x10}, 1<<18)}, // clear the table
		"Group 3":            {3, 0, make([]byte, 1<<20)},                                 // fill bits
		"Group 4":            {4, 0, make([]byte, 1<<20)},
		"Group 4, reversed":  {4, 2, make([]byte, 1<<20)},
		"PackBits, reversed": {32773, 2, reversed(packed)},
	} {
		f := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, compression: test.compression, fillOrder: test.fillOrder, rows: 1, width: 8, height: 64}
		if test.compression <= 4 {
			f.bits = 1
		}
		f.pixels = make([]int, f.width*f.height)
		if _, err := vision.Decode(f.encodeShared(test.block), vision.Limits{}); !errors.Is(err, vision.ErrCorrupt) || !bytes.Contains([]byte(err.Error()), []byte("overlap")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Some writers store equal tiles once.
func TestEqualTilesAreStoredOnce(t *testing.T) {
	for _, compression := range []int{1, 8, 32773} {
		f := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, compression: compression, tile: 16, width: 256, height: 256}
		f.pixels = make([]int, f.width*f.height)
		if m, err := vision.Decode(f.encodeShared(f.block(0, 0, 16, 16, -1)), vision.Limits{}); err != nil || m.Width != 256 {
			t.Errorf("compression %d: %v", compression, err)
		}
	}
}

// A tile may be a million times larger than the image, and is decompressed in memory. Its samples
// have 8 bits, because a buffer that grows takes twice the memory under the race detector.
func TestMeasureBoundsTilesLargerThanTheImage(t *testing.T) {
	for _, test := range []struct{ width, height, tile int }{{1, 1, 1024}, {1500, 1, 1024}, {1, 1500, 1024}, {17, 17, 16}} {
		f := tiffFile{order: binary.LittleEndian, photometric: 2, bits: 8, samples: 3, compression: 8, tile: test.tile, width: test.width, height: test.height}
		f.pixels = make([]int, f.width*f.height*f.samples)
		data := f.encode()
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
			t.Errorf("%+v: Decode allocated %d bytes, Measure returned %d", test, spent, cost.Bytes)
		}
	}
	huge := tiffFile{order: binary.LittleEndian, photometric: 1, bits: 8, samples: 1, width: 1, height: 1, pixels: []int{0}, tags: map[int][]int{322: {1<<32 - 1}, 323: {1<<32 - 1}, 324: {8}, 325: {1}, 273: nil, 279: nil}}
	if cost, err := vision.Measure(huge.encode(), vision.Limits{}); err != nil || cost.Bytes <= 0 || cost.Bytes > 1<<30 {
		t.Errorf("a tile of 2^64 pixels: %+v, %v", cost, err)
	}
}
