package vision

import (
	"bytes"
	"encoding/binary"
	"iter"
)

// JPEG markers, ITU-T T.81 table B.1. A marker is FF and one of these.
const (
	markerSOF0  = 0xC0
	markerSOF2  = 0xC2
	markerDHT   = 0xC4
	markerRST0  = 0xD0
	markerRST7  = 0xD7
	markerSOI   = 0xD8
	markerEOI   = 0xD9
	markerSOS   = 0xDA
	markerDRI   = 0xDD
	markerAPP0  = 0xE0
	markerAPP1  = 0xE1
	markerAPP14 = 0xEE
)

// maxScanPixels bounds the work of a progressive JPEG: its scans times its pixels.
// Encoders write about ten scans; each costs a pass over every block of the image,
// however few bytes it has, so a small file with many scans would keep a core busy for
// minutes. The bound allows twenty scans of the largest image by default.
const maxScanPixels = 20 * DefaultMaxPixels

// checkScans rejects a JPEG that needs too much work. Within entropy-coded data FF is
// followed by 00 or a restart marker, so FF DA is a scan header, or part of a
// thumbnail.
func checkScans(data []byte, width, height uint64) error {
	scans := uint64(bytes.Count(data, []byte{0xFF, markerSOS}))
	if scans*width*height > maxScanPixels {
		return imageErrorf(ErrUnsupported, "jpeg image of %d x %d pixels has %d scans, at most %d are supported at this size: save it as a baseline jpeg",
			width, height, scans, maxScanPixels/(width*height))
	}
	return nil
}

// checkWebP checks the RIFF container. The decoder allocates the declared length of a
// chunk without checking it, and would return an image without its orientation if the
// chunk after the pixels is missing.
func checkWebP(data []byte) error {
	declared := 8 + uint64(binary.LittleEndian.Uint32(data[4:]))
	if declared > uint64(len(data)) {
		return imageErrorf(ErrCorrupt, "webp image ends early: its header declares %d bytes, %d were received; send the whole file", declared, len(data))
	}
	for id, chunk := range riffChunks(data) {
		switch {
		case chunk == nil:
			return imageErrorf(ErrCorrupt, "webp image is malformed: its %q chunk is longer than the file", id)
		case id == "VP8X" && len(chunk) > 0 && chunk[0]&webpAnimation != 0:
			return imageErrorf(ErrUnsupported, "webp image is animated, which is not supported: send one frame as a still image")
		}
	}
	return nil
}

// webpAnimation is a flag in the first byte of a VP8X chunk (WebP container
// specification).
const webpAnimation = 1 << 1

// riffChunks yields the chunks of a RIFF file. The caller has checked the header. A
// chunk that extends past the data is yielded as nil, and is the last.
func riffChunks(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		end := min(8+uint64(binary.LittleEndian.Uint32(data[4:])), uint64(len(data)))
		rest := data[min(12, end):end]
		for len(rest) >= 8 {
			id, size := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
			if size > uint64(len(rest)-8) {
				yield(id, nil)
				return
			}
			if !yield(id, rest[8:8+size:8+size]) {
				return
			}
			size += size & 1 // chunks are padded to even
			rest = rest[min(8+size, uint64(len(rest))):]
		}
	}
}

// pngChunks yields the chunks of a PNG file up to IEND or the first truncated one. It does not
// verify checksums: the decoder does.
func pngChunks(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		rest := data[min(8, len(data)):]
		for len(rest) >= 12 {
			size := uint64(binary.BigEndian.Uint32(rest))
			id := string(rest[4:8])
			if size > uint64(len(rest)-12) || !yield(id, rest[8:8+size]) || id == "IEND" {
				return
			}
			rest = rest[12+size:]
		}
	}
}

// checkPNG names Apple's variant, which is no PNG: its deflate has no header, and its
// channels are in another order.
func checkPNG(data []byte) error {
	for id := range pngChunks(data) {
		if id == "CgBI" {
			return imageErrorf(ErrUnsupported, "png image is not supported: it is in Apple's CgBI variant; save it as a standard PNG")
		}
		break
	}
	return nil
}

// jpegSegments yields the marker and content of the segments up to the first scan header,
// which hold all metadata. Like the decoder it skips bytes between segments.
func jpegSegments(data []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		rest := data[min(2, len(data)):]
		for {
			rest = rest[skipToMarker(rest):]
			if len(rest) < 4 {
				return
			}
			marker, size := rest[1], int(binary.BigEndian.Uint16(rest[2:]))
			if marker == markerEOI || size < 2 || size > len(rest)-2 || !yield(marker, rest[4:2+size]) || marker == markerSOS {
				return
			}
			rest = rest[2+size:]
		}
	}
}

// skipToMarker returns the offset of the next marker that a segment follows: fill bytes,
// restart markers and FF 00 are skipped.
func skipToMarker(data []byte) int {
	for at := 0; ; at++ {
		next := bytes.IndexByte(data[at:], 0xFF)
		if next < 0 || at+next+1 >= len(data) {
			return len(data)
		}
		at += next
		if m := data[at+1]; m != 0 && m != 0xFF && (m < markerRST0 || m > markerRST7) {
			return at
		}
	}
}
