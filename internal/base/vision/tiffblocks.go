package vision

import "math"

// tiffBlocks are the strips or tiles of a TIFF.
type tiffBlocks struct {
	directory       *tiffDirectory
	number          int
	offsets, counts tiffEntry
}

// blocks finds the strips or tiles.
func (d *tiffDirectory) blocks() (tiffBlocks, error) {
	width, height := d.number(tagImageWidth, 0), d.number(tagImageLength, 0)
	_, hasStrips := d.find(tagStripOffsets)
	tileWidth, tileHeight := d.number(tagTileWidth, 0), d.number(tagTileLength, 0)
	b, number, name := tiffBlocks{directory: d}, int64(1), "strips"
	switch {
	case tileWidth > 0 && (hasStrips || tileHeight <= 0):
		return b, imageErrorf(ErrCorrupt, "tiff image is malformed: it has strips and tiles, or tiles without TileLength")
	case tileWidth > 0:
		number, name = covering(width, tileWidth)*covering(height, tileHeight), "tiles"
		b.offsets, _ = d.find(tagTileOffsets)
		b.counts, _ = d.find(tagTileByteCounts)
	default:
		if rows := d.number(tagRowsPerStrip, 0); rows > 0 {
			number = covering(height, rows)
		}
		b.offsets, _ = d.find(tagStripOffsets)
		b.counts, _ = d.find(tagStripByteCounts)
	}
	if b.offsets.entry == nil || b.counts.entry == nil || int64(b.offsets.count()) < number || int64(b.counts.count()) < number {
		return b, imageErrorf(ErrCorrupt, "tiff image is malformed: it has %d %s, and no offset and byte count for each", number, name)
	}
	b.number = int(number)
	return b, nil
}

// covering returns how many blocks of a size cover length.
func covering(length, size int64) int64 { return (length + size - 1) / size }

// at returns the data of block i; false if it is not within the file.
func (b tiffBlocks) at(i int) ([]byte, bool) {
	offset, _ := b.offsets.number(i)
	length, _ := b.counts.number(i)
	data := b.directory.data
	if offset+length > int64(len(data)) {
		return nil, false
	}
	return data[offset : offset+length], true
}

// checkBlocks checks that the strips or tiles are within the file. It rejects LZW in the
// order of bits that preceded TIFF 6.0, and blocks that overlap so much that the work to read
// them has no bound.
func (d *tiffDirectory) checkBlocks(f tiffFeatures) error {
	blocks, err := d.blocks()
	if err != nil {
		return err
	}
	total, limit := int64(0), d.maxBlockBytes(f)
	for i := range blocks.number {
		block, ok := blocks.at(i)
		if !ok {
			return endsEarly(TIFF, len(d.data))
		}
		if f.compression == tiffLZW && len(block) > 1 && block[0] == 0 && block[1]&1 != 0 {
			return unsupportedTIFF("its compression is old-style LZW")
		}
		if total += int64(len(block)); total > limit {
			return imageErrorf(ErrCorrupt, "tiff image is malformed: its strips or tiles overlap")
		}
	}
	return nil
}

// maxBlockBytes returns how many bytes all strips or tiles may have together.
//
// Blocks that do not overlap have no more than the file. Some writers store equal tiles once,
// which decompress to more than they have. A decoder may also read data that decompresses to
// nothing, and read it again for each block. Uncompressed blocks are not copied, and need no
// bound, unless their bits are reversed in place.
func (d *tiffDirectory) maxBlockBytes(f tiffFeatures) int64 {
	size := int64(len(d.data))
	switch {
	case f.fillOrder == 2 && !f.isCCITT():
		return size
	case f.compression == tiffUncompressed:
		return math.MaxInt64
	}
	pixels := d.number(tagImageWidth, 0) * d.number(tagImageLength, 0)
	return size + pixels*f.samples*((f.bits[0]+7)/8)
}

// tilePixels returns the pixels of a tile, 0 for an image in strips. Tiles may be larger than
// the image; the decoder rejects those that are larger than this allows.
func (d *tiffDirectory) tilePixels() int64 {
	const padding, common = 16, 1024
	side := func(image, tile uint16) int64 {
		return min(d.number(tile, 0), max(d.number(image, 0)+padding, common))
	}
	return side(tagImageWidth, tagTileWidth) * side(tagImageLength, tagTileLength)
}
