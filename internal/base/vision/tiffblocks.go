package vision

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
// order of bits that preceded TIFF 6.0, and blocks in the reverse order of bits that overlap:
// the work to reverse them has no bound.
func (d *tiffDirectory) checkBlocks(f tiffFeatures) error {
	blocks, err := d.blocks()
	if err != nil {
		return err
	}
	total := 0
	for i := range blocks.number {
		block, ok := blocks.at(i)
		if !ok {
			return endsEarly(TIFF, len(d.data))
		}
		if f.compression == tiffLZW && len(block) > 1 && block[0] == 0 && block[1]&1 != 0 {
			return unsupportedTIFF("its compression is old-style LZW")
		}
		if total += len(block); f.fillOrder == 2 && total > len(d.data) {
			return imageErrorf(ErrCorrupt, "tiff image is malformed: its strips or tiles overlap")
		}
	}
	return nil
}
