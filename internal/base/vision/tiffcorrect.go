package vision

import (
	"bytes"
	"io"
	"math/bits"
)

// prepareTIFF returns the file as the decoder interprets it correctly. The decoder ignores
// FillOrder except in CCITT data, and applies a predictor to any compression. checkTIFF has
// accepted the data.
func prepareTIFF(data []byte) io.Reader {
	d := readDirectory(data)
	f := d.features()
	reversed := f.fillOrder == 2 && !f.isCCITT()
	ignored := f.predictor != 1 && !f.predicts()
	if !reversed && !ignored {
		return bytes.NewReader(data)
	}
	corrected := readDirectory(bytes.Clone(data))
	if reversed {
		corrected.reverseBits()
	}
	for _, e := range corrected.all() {
		if tag := e.tag(); tag == tagFillOrder && reversed || tag == tagPredictor && ignored {
			e.set(1)
		}
	}
	return bytes.NewReader(corrected.data)
}

func (f tiffFeatures) isCCITT() bool {
	return f.compression == tiffCCITT3 || f.compression == tiffCCITT4
}

// set makes the entry one SHORT.
func (e tiffEntry) set(value uint16) {
	order := e.directory.order
	order.PutUint16(e.entry[2:], tiffShort)
	order.PutUint32(e.entry[4:], 1)
	order.PutUint32(e.entry[8:], 0)
	order.PutUint16(e.entry[8:], value)
}

// reverseBits reverses the bits of each byte of the strips or tiles. checkBlocks has checked
// that they do not overlap.
func (d *tiffDirectory) reverseBits() {
	blocks, _ := d.blocks()
	for i := range blocks.number {
		block, _ := blocks.at(i)
		for j, b := range block {
			block[j] = bits.Reverse8(b)
		}
	}
}

// finishTIFF corrects the pixels of CCITT data: the decoder takes its white for white, also
// if PhotometricInterpretation says that it is black.
func finishTIFF(data []byte, m *Image) {
	if f := readDirectory(data).features(); f.isCCITT() && f.photometric == photometricBlackIsZero {
		for i, v := range m.Pix {
			m.Pix[i] = ^v
		}
	}
}
