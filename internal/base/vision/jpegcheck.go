package vision

import (
	"bytes"
	"encoding/binary"
)

// JPEG processes by their frame header (ITU-T T.81, table B.1) that the decoder does not
// have.
var jpegProcesses = map[byte]string{
	0xC3: "lossless", 0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "lossless and hierarchical",
	0xC9: "arithmetic-coded", 0xCA: "arithmetic-coded", 0xCB: "lossless and arithmetic-coded",
	0xCD: "hierarchical and arithmetic-coded", 0xCE: "hierarchical and arithmetic-coded", 0xCF: "hierarchical and arithmetic-coded",
	0xF7: "JPEG-LS", // ITU-T T.87
}

// jpegHead is what the segments before the first scan say about the pixels.
type jpegHead struct {
	process    byte // the marker of the frame header, 0 if there is none
	precision  byte
	components []jpegComponent
	restarts   bool // a restart interval is set
	scan       int  // components of the first scan

	// JFIF and Adobe segments say what the components are. The decoder takes the last APP0
	// for the only one.
	jfif, lastJFIF bool
	adobe          bool
	adobeTransform byte
}

// jpegComponent is a component of a frame with its sampling factors.
type jpegComponent struct{ id, h, v byte }

func readJPEGHead(data []byte) *jpegHead {
	h := &jpegHead{}
	for marker, segment := range jpegSegments(data) {
		switch {
		case jpegProcesses[marker] != "", marker >= markerSOF0 && marker <= markerSOF2:
			h.setFrame(marker, segment)
		case marker == markerDRI && len(segment) >= 2:
			h.restarts = binary.BigEndian.Uint16(segment) != 0
		case marker == markerAPP0:
			h.lastJFIF = bytes.HasPrefix(segment, []byte("JFIF\x00"))
			h.jfif = h.jfif || h.lastJFIF
		case marker == markerAPP14 && len(segment) >= 12 && bytes.HasPrefix(segment, []byte("Adobe")):
			h.adobe, h.adobeTransform = true, segment[11]
		case marker == markerSOS && len(segment) > 0:
			h.scan = int(segment[0])
		}
	}
	return h
}

// setFrame reads a frame header (ITU-T T.81, section B.2.2).
func (h *jpegHead) setFrame(marker byte, segment []byte) {
	const header, component = 6, 3
	h.process = marker
	if len(segment) < header {
		return
	}
	h.precision = segment[0]
	for at := header; at+component <= len(segment); at += component {
		h.components = append(h.components, jpegComponent{segment[at], segment[at+1] >> 4, segment[at+1] & 15})
	}
}

// checkJPEG names what the decoder does not have, and what it misinterprets.
func checkJPEG(data []byte) error {
	unsupported := func(format string, args ...any) error {
		return imageErrorf(ErrUnsupported, "jpeg image is not supported: "+format+"; save it as a baseline jpeg of gray or YCbCr, or as PNG", args...)
	}
	h := readJPEGHead(data)
	switch n := len(h.components); {
	case jpegProcesses[h.process] != "":
		return unsupported("it is %s", jpegProcesses[h.process])
	case n == 0:
		return nil // the decoder reports it
	case h.precision != 8:
		return unsupported("its samples have %d bits, where 8 are supported", h.precision)
	case n != 1 && n != 3 && n != 4:
		return unsupported("it has %d components, where 1, 3 and 4 are supported", n)
	case n == 4 && !h.adobe:
		return unsupported("it has 4 components, and no Adobe segment that says which")
	case n == 3 && h.isRGB() != h.decodedAsRGB():
		return unsupported("its segments and components contradict each other about its colors")
	case n > 1 && h.separatesComponents() && h.misreadsScans(data):
		return unsupported("it has restart markers or uncommon sampling factors in scans of one component")
	}
	return nil
}

// isRGB reports whether libjpeg, and so Pillow, takes three components for RGB.
func (h *jpegHead) isRGB() bool {
	switch {
	case h.jfif:
		return false
	case h.adobe:
		return h.adobeTransform == 0
	}
	return h.namesRGB()
}

// decodedAsRGB reports whether image/jpeg takes three components for RGB.
func (h *jpegHead) decodedAsRGB() bool {
	return !h.lastJFIF && (h.adobe && h.adobeTransform == 0 || h.namesRGB())
}

func (h *jpegHead) namesRGB() bool {
	c := h.components
	return c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B'
}

// separatesComponents reports whether scans have one component: the AC scans of every
// progressive JPEG, and the scans of some others.
func (h *jpegHead) separatesComponents() bool {
	return h.process == markerSOF2 || h.scan < len(h.components)
}

// misreadsScans reports whether image/jpeg misreads scans of one component: it counts restart
// intervals in units of interleaved scans, and does not leave out the padding of chroma that
// has more than one column in such a unit.
func (h *jpegHead) misreadsScans(data []byte) bool {
	luma, chroma := h.components[0], h.components[1]
	return luma.h*luma.v > 1 && (h.restarts || setsRestarts(data)) || chroma.h > 1 && chroma.h < luma.h
}

// setsRestarts reports whether a restart interval is set after the first scan header. Entropy-coded
// data does not have the marker.
func setsRestarts(data []byte) bool {
	_, scans, _ := bytes.Cut(data, []byte{0xFF, markerSOS})
	scans, _, _ = bytes.Cut(scans, []byte{0xFF, markerEOI})
	return bytes.Contains(scans, []byte{0xFF, markerDRI, 0, 4})
}
