package vision

import (
	"encoding/binary"
	"iter"
)

// The TIFF tags that this package reads (TIFF 6.0, section 8). EXIF uses the same structure.
const (
	tagImageWidth      = 0x0100
	tagImageLength     = 0x0101
	tagBitsPerSample   = 0x0102
	tagCompression     = 0x0103
	tagPhotometric     = 0x0106
	tagFillOrder       = 0x010A
	tagStripOffsets    = 0x0111
	tagOrientation     = 0x0112 // EXIF 2.3, section 4.6.4
	tagSamplesPerPixel = 0x0115
	tagRowsPerStrip    = 0x0116
	tagStripByteCounts = 0x0117
	tagPlanar          = 0x011C
	tagT4Options       = 0x0124
	tagT6Options       = 0x0125
	tagPredictor       = 0x013D
	tagColorMap        = 0x0140
	tagTileWidth       = 0x0142
	tagTileLength      = 0x0143
	tagTileOffsets     = 0x0144
	tagTileByteCounts  = 0x0145
	tagExtraSamples    = 0x0152
	tagSampleFormat    = 0x0153
	tagXMP             = 0x02BC // XMP specification, part 3
)

// tiffDirectory is the first directory of a TIFF structure. It aliases the data.
type tiffDirectory struct {
	data    []byte
	order   binary.ByteOrder
	offset  int    // of the first entry
	entries []byte // 12 bytes each
	whole   bool   // false: the data ends within the entries
}

// tiffHeader reads the byte order of a TIFF structure and the offset of its first
// directory.
func tiffHeader(data []byte) (order binary.ByteOrder, directory uint32, ok bool) {
	if len(data) < 8 {
		return nil, 0, false
	}
	switch string(data[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	directory = order.Uint32(data[4:])
	return order, directory, directory >= 8
}

// readDirectory finds the first directory; nil if data has no TIFF header or ends before
// the directory. Writers put directories at odd offsets too, against the specification.
func readDirectory(data []byte) *tiffDirectory {
	const entrySize = 12
	order, directory, ok := tiffHeader(data)
	if !ok || uint64(directory)+2 > uint64(len(data)) {
		return nil
	}
	d := &tiffDirectory{data: data, order: order, offset: int(directory) + 2}
	rest := data[d.offset:]
	size := entrySize * int(order.Uint16(data[directory:]))
	d.whole = size <= len(rest)
	d.entries = rest[:min(size, len(rest)/entrySize*entrySize)]
	return d
}

// all yields the entries in their order.
func (d *tiffDirectory) all() iter.Seq2[int, tiffEntry] {
	return func(yield func(int, tiffEntry) bool) {
		for at := 0; at < len(d.entries); at += 12 {
			if !yield(d.offset+at, tiffEntry{d, d.entries[at : at+12]}) {
				return
			}
		}
	}
}

// find returns the first entry of a tag.
func (d *tiffDirectory) find(tag uint16) (tiffEntry, bool) {
	for _, e := range d.all() {
		if e.tag() == tag {
			return e, true
		}
	}
	return tiffEntry{}, false
}

// number returns the first value of a tag, or absent if the directory does not have the tag
// or its value is not a whole number.
func (d *tiffDirectory) number(tag uint16, absent int64) int64 {
	if e, ok := d.find(tag); ok {
		if v, ok := e.number(0); ok {
			return v
		}
	}
	return absent
}

// numbers returns the values of a tag, at most limit of them.
func (d *tiffDirectory) numbers(tag uint16, limit int) []int64 {
	e, ok := d.find(tag)
	if !ok {
		return nil
	}
	var values []int64
	for i := range min(e.count(), limit) {
		v, ok := e.number(i)
		if !ok {
			break
		}
		values = append(values, v)
	}
	return values
}

// tiffEntry is an entry of a directory: tag, type, count, and the values or their offset.
type tiffEntry struct {
	directory *tiffDirectory
	entry     []byte
}

// The types of values (TIFF 6.0, section 2).
const (
	tiffByte      = 1
	tiffShort     = 3
	tiffLong      = 4
	tiffSByte     = 6
	tiffUndefined = 7
	tiffSShort    = 8
	tiffSLong     = 9
)

var tiffTypeSizes = [...]uint64{1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

func (e tiffEntry) tag() uint16  { return e.directory.order.Uint16(e.entry) }
func (e tiffEntry) kind() uint16 { return e.directory.order.Uint16(e.entry[2:]) }

// count returns the number of values that the data has room for.
func (e tiffEntry) count() int {
	return int(min(uint64(e.directory.order.Uint32(e.entry[4:])), uint64(len(e.directory.data))))
}

// bytes returns the encoded values; nil if they are not within the data, or of an unknown
// type.
func (e tiffEntry) bytes() []byte {
	kind := e.kind()
	if int(kind) >= len(tiffTypeSizes) {
		return nil
	}
	size := uint64(e.directory.order.Uint32(e.entry[4:])) * tiffTypeSizes[kind]
	if size <= 4 {
		return e.entry[8 : 8+size]
	}
	at := uint64(e.directory.order.Uint32(e.entry[8:]))
	if at+size > uint64(len(e.directory.data)) {
		return nil
	}
	return e.directory.data[at : at+size]
}

// number returns value i if it is a whole number, of any type that has them.
func (e tiffEntry) number(i int) (int64, bool) {
	kind := e.kind()
	if int(kind) >= len(tiffTypeSizes) {
		return 0, false
	}
	size, values := int(tiffTypeSizes[kind]), e.bytes()
	if size == 0 || i < 0 || i >= len(values)/size {
		return 0, false
	}
	value, order := values[i*size:], e.directory.order
	switch kind {
	case tiffByte:
		return int64(value[0]), true
	case tiffSByte:
		return int64(int8(value[0])), true
	case tiffShort:
		return int64(order.Uint16(value)), true
	case tiffSShort:
		return int64(int16(order.Uint16(value))), true
	case tiffLong:
		return int64(order.Uint32(value)), true
	case tiffSLong:
		return int64(int32(order.Uint32(value))), true
	}
	return 0, false
}
