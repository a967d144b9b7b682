package vision

import (
	"bytes"
	"regexp"
	"slices"
)

// metadata is what a file says about itself beside its pixels. It aliases the file, or is
// bounded by maxMetadata.
type metadata struct {
	exif, xmp []byte
}

// maxMetadata bounds the EXIF and the XMP that are decompressed, joined or decoded, in bytes
// each: a multiple of what a JPEG segment holds, for which writers size them.
const maxMetadata = 256 << 10

// maxXMP bounds the XMP that is searched, in bytes.
const maxXMP = 4 << 20

// xmpHeader precedes the packet in a JPEG APP1 segment (XMP specification, part 3).
var xmpHeader = []byte("http://ns.adobe.com/xap/1.0/\x00")

// xmpOrientation has the forms that Pillow's getexif reads: an attribute and an element.
var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// orientation returns the orientation that Pillow's exif_transpose applies, 1 if there is
// none: that of EXIF, or that of XMP if EXIF has no such entry.
func (m metadata) orientation() int {
	if orientation, found := exifOrientation(m.exif); found {
		return orientation
	}
	match := xmpOrientation.FindSubmatch(m.xmp[:min(len(m.xmp), maxXMP)])
	if match == nil {
		return 1
	}
	return int(match[1][0] - '0')
}

// jpegMetadata joins the APP1 segments that hold EXIF, as Pillow does: some writers put an
// empty one before the real one. Of several XMP packets the last counts.
func jpegMetadata(data []byte) (m metadata) {
	for marker, segment := range jpegSegments(data) {
		switch {
		case marker != markerAPP1:
		case bytes.HasPrefix(segment, xmpHeader):
			m.xmp = segment[len(xmpHeader):]
		case !bytes.HasPrefix(segment, exifHeader):
		case m.exif == nil:
			m.exif = slices.Clip(segment)
		default:
			if cap(m.exif) < maxMetadata {
				m.exif = append(make([]byte, 0, maxMetadata), m.exif...)
			}
			rest := segment[len(exifHeader):]
			m.exif = append(m.exif, rest[:min(len(rest), maxMetadata-len(m.exif))]...)
		}
	}
	return m
}

// webpMetadata reads the chunks of the extended container that its flags announce, as
// libwebp does.
func webpMetadata(data []byte) (m metadata) {
	const announcesXMP, announcesEXIF = 1 << 2, 1 << 3
	var flags byte
	for id, chunk := range riffChunks(data) {
		switch {
		case id == "VP8X" && len(chunk) > 0:
			flags = chunk[0]
		case id == "EXIF" && flags&announcesEXIF != 0 && m.exif == nil:
			m.exif = chunk
		case id == "XMP " && flags&announcesXMP != 0 && m.xmp == nil:
			m.xmp = chunk
		}
	}
	return m
}

// tiffMetadata reads the file's own directory, which has the entries of EXIF.
func tiffMetadata(data []byte) metadata {
	m := metadata{exif: data}
	if d := readDirectory(data); d != nil {
		if e, ok := d.find(tagXMP); ok {
			m.xmp = e.bytes()
		}
	}
	return m
}
