package vision

import "slices"

// The values of TIFF tags that the decoder reads (TIFF 6.0, sections 8 to 14).
const (
	tiffUncompressed = 1
	tiffCCITT3       = 3
	tiffCCITT4       = 4
	tiffLZW          = 5
	tiffDeflate      = 8
	tiffPackBits     = 32773
	tiffOldDeflate   = 32946

	photometricWhiteIsZero = 0
	photometricBlackIsZero = 1
	photometricRGB         = 2
	photometricPalette     = 3
)

// tiffFeatures is what a directory says about the encoding of its pixels.
type tiffFeatures struct {
	compression, photometric, planar, fillOrder, predictor int64
	samples                                                int64
	bits, extra                                            []int64
}

// maxTIFFSamples is more samples for each pixel than the decoder accepts.
const maxTIFFSamples = 8

func (d *tiffDirectory) features() tiffFeatures {
	f := tiffFeatures{
		compression: d.number(tagCompression, tiffUncompressed),
		photometric: d.number(tagPhotometric, photometricWhiteIsZero),
		planar:      d.number(tagPlanar, 1),
		fillOrder:   d.number(tagFillOrder, 1),
		predictor:   d.number(tagPredictor, 1),
		samples:     d.number(tagSamplesPerPixel, 1),
		bits:        d.numbers(tagBitsPerSample, maxTIFFSamples),
		extra:       d.numbers(tagExtraSamples, maxTIFFSamples),
	}
	if len(f.bits) == 0 {
		f.bits = []int64{1}
	}
	if f.compression == 0 {
		f.compression = tiffUncompressed
	}
	return f
}

// checkTIFF rejects what the decoder does not read. It misinterprets much of that without an
// error. What prepareTIFF and finishTIFF correct is accepted.
func checkTIFF(data []byte) error {
	d := readDirectory(data)
	if d == nil || !d.whole {
		return endsEarly(TIFF, len(data))
	}
	if err := d.checkEntries(); err != nil {
		return err
	}
	f := d.features()
	for _, check := range [...]func() error{f.checkCompression, f.checkSamples, func() error { return f.checkCCITT(d) }} {
		if err := check(); err != nil {
			return err
		}
	}
	if e, ok := d.find(tagSampleFormat); ok {
		if err := checkSampleFormat(e); err != nil {
			return err
		}
	}
	if _, ok := d.find(tagColorMap); f.photometric == photometricPalette && !ok {
		return imageErrorf(ErrCorrupt, "tiff image is malformed: it has a palette, and no ColorMap")
	}
	return d.checkBlocks(f)
}

// unsupportedTIFF returns the error for a feature, which is the subject of a sentence.
func unsupportedTIFF(format string, args ...any) error {
	return imageErrorf(ErrUnsupported, "tiff image is not supported: "+format+"; save it uncompressed or with LZW or Deflate, as 8-bit gray or RGB, or as PNG", args...)
}

// tiffNumbers are the tags whose values the decoder reads as numbers.
var tiffNumbers = []uint16{
	tagImageWidth, tagImageLength, tagBitsPerSample, tagCompression, tagPhotometric, tagFillOrder,
	tagStripOffsets, tagSamplesPerPixel, tagRowsPerStrip, tagStripByteCounts, tagPlanar, tagT4Options,
	tagT6Options, tagPredictor, tagColorMap, tagTileWidth, tagTileLength, tagTileOffsets, tagTileByteCounts,
	tagExtraSamples, tagSampleFormat,
}

// checkEntries checks that each tag which the decoder reads is a number within the data.
func (d *tiffDirectory) checkEntries() error {
	previous := -1
	for _, e := range d.all() {
		tag := e.tag()
		if int(tag) <= previous {
			return imageErrorf(ErrCorrupt, "tiff image is malformed: the tags of its first directory are not in ascending order")
		}
		previous = int(tag)
		if !slices.Contains(tiffNumbers, tag) {
			continue
		}
		switch kind := e.kind(); {
		case kind != tiffByte && kind != tiffShort && kind != tiffLong:
			return unsupportedTIFF("tag %d has values of type %d, where BYTE, SHORT and LONG (1, 3 and 4) are", tag, kind)
		case e.bytes() == nil:
			return endsEarly(TIFF, len(d.data))
		case len(e.bytes()) == 0:
			return imageErrorf(ErrCorrupt, "tiff image is malformed: tag %d has no values", tag)
		}
	}
	return nil
}

func (f tiffFeatures) checkCompression() error {
	switch f.compression {
	case tiffUncompressed, tiffCCITT3, tiffCCITT4, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits:
	default:
		return unsupportedTIFF("its compression is %v", named(tiffCompressions, f.compression))
	}
	if f.fillOrder != 1 && f.fillOrder != 2 {
		return imageErrorf(ErrCorrupt, "tiff image is malformed: its FillOrder is %d, where 1 and 2 are defined", f.fillOrder)
	}
	if !f.predicts() || f.predictor == 1 {
		return nil
	}
	switch {
	case f.predictor == 3:
		return unsupportedTIFF("its predictor is that of floating point")
	case f.predictor != 2:
		return unsupportedTIFF("its Predictor is %d, where 1 and 2 are supported", f.predictor)
	case f.bits[0] < 8:
		return unsupportedTIFF("it has a predictor with %d bits a sample", f.bits[0])
	}
	return nil
}

// predicts reports whether the compression has a predictor: others ignore the tag, as in
// libtiff (TIFF 6.0, section 14).
func (f tiffFeatures) predicts() bool {
	return f.compression == tiffLZW || f.compression == tiffDeflate || f.compression == tiffOldDeflate
}

// tiffBits has the bits of a sample that the decoder reads correctly. Pillow does not invert
// 16-bit samples where zero is white, so models have seen the negative of what TIFF 6.0 says.
var tiffBits = map[int64][]int64{
	photometricWhiteIsZero: {1, 8}, photometricBlackIsZero: {1, 8, 16}, photometricRGB: {8, 16}, photometricPalette: {1, 8},
}

// checkSamples checks the number of samples and their bits.
func (f tiffFeatures) checkSamples() error {
	bits := f.bits[0]
	for _, b := range f.bits {
		if b != bits {
			return unsupportedTIFF("its samples have %v bits, which differ", f.bits)
		}
	}
	color := tiffPhotometrics[f.photometric]
	switch {
	case f.photometric < 0 || f.photometric > photometricPalette:
		return unsupportedTIFF("its colors are %v, where gray, RGB and a palette are supported", named(tiffPhotometrics, f.photometric))
	case int64(len(f.bits)) != f.samples:
		return unsupportedTIFF("its SamplesPerPixel is %d, and its BitsPerSample has a different number of values (%d)", f.samples, len(f.bits))
	case !slices.Contains(tiffBits[f.photometric], bits):
		return unsupportedTIFF("its samples are %s of %d bits, where %s are supported", color, bits, listed(tiffBits[f.photometric]))
	case f.photometric == photometricRGB && f.samples < 3:
		return imageErrorf(ErrCorrupt, "tiff image is malformed: it is RGB of %d samples", f.samples)
	case f.photometric == photometricRGB && f.samples == 4 && (len(f.extra) != 1 || f.extra[0] != 1 && f.extra[0] != 2):
		return unsupportedTIFF("its fourth sample is not alpha (ExtraSamples is %v)", f.extra)
	case f.photometric == photometricRGB && f.samples > 4, f.photometric != photometricRGB && f.samples > 1:
		return unsupportedTIFF("it has %d samples a pixel, of which the first are %s", f.samples, color)
	case f.planar != 1 && (f.samples > 1 || f.photometric != photometricBlackIsZero):
		// One sample has one plane, but Pillow does not read it right.
		return unsupportedTIFF("its PlanarConfiguration is %d (each sample has a plane of its own), where 1 is supported", f.planar)
	}
	return nil
}

func checkSampleFormat(e tiffEntry) error {
	names := map[int64]string{2: "signed integers", 3: "floating point", 4: "undefined", 5: "complex integers", 6: "complex floating point"}
	for i := range min(e.count(), maxTIFFSamples) {
		if v, ok := e.number(i); ok && v != 1 {
			return unsupportedTIFF("its samples are %v, where unsigned integers are supported", named(names, v))
		}
	}
	return nil
}

// checkCCITT checks the options of CCITT compression (TIFF 6.0, section 11).
func (f tiffFeatures) checkCCITT(d *tiffDirectory) error {
	const twoDimensional, uncompressed, aligned = 1, 2, 4
	if f.compression != tiffCCITT3 && f.compression != tiffCCITT4 {
		return nil
	}
	name, options := tiffCompressions[f.compression], d.number(tagT4Options, 0)
	if f.compression == tiffCCITT4 {
		options = d.number(tagT6Options, 0) &^ twoDimensional
	}
	switch {
	case f.bits[0] != 1, f.photometric > photometricBlackIsZero:
		return unsupportedTIFF("its compression is %s, with %d bits a sample of %s", name, f.bits[0], tiffPhotometrics[f.photometric])
	case options&twoDimensional != 0:
		return unsupportedTIFF("its compression is two-dimensional %s", name)
	case options&aligned != 0:
		return unsupportedTIFF("its compression is %s with lines that end at a byte", name)
	case options&uncompressed != 0:
		return unsupportedTIFF("its compression is %s with uncompressed parts", name)
	}
	return nil
}
