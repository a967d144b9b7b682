package vision

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// uncertain returns c with Certain false.
func (c Content) uncertain() Content {
	c.Certain = false
	return c
}

// describeWeak recognizes signatures that are short enough to be the first values of an
// array.
func describeWeak(data []byte) Content {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\x0a")):
		return imageContent("JPEG XL").uncertain()
	case isIcon(data):
		return imageContent("ICO").uncertain()
	case isTGA(data):
		return imageContent("TGA").uncertain()
	case len(data) >= 12 && isQuickTimeAtom(string(data[4:8])):
		return videoContent("QuickTime (MOV)").uncertain()
	case isTransportStream(data), bytes.HasPrefix(data, []byte("\x00\x00\x01\xba")), bytes.HasPrefix(data, []byte("\x00\x00\x01\xb3")):
		return videoContent("MPEG").uncertain()
	case bytes.HasPrefix(data, []byte("BZh")):
		return archiveContent("bzip2").uncertain()
	case len(data) >= 4 && data[0] == 0xFF && data[1]&0xE6 == 0xE2 && data[2]>>4 != 0xF: // ISO/IEC 11172-3: a frame of layer III
		return soundContent("MP3").uncertain()
	case jpegAt(data) > 0:
		return Content{Name: "a jpeg image after other bytes", Advice: "send the image without what precedes it"}
	}
	return Content{}
}

// isIcon requires the directory of a Windows icon or cursor, and its first entry.
func isIcon(data []byte) bool {
	if len(data) < 22 || data[0] != 0 || data[1] != 0 || data[2] != 1 && data[2] != 2 || data[3] != 0 {
		return false
	}
	count, size, at := binary.LittleEndian.Uint16(data[4:]), binary.LittleEndian.Uint32(data[14:]), binary.LittleEndian.Uint32(data[18:])
	return count > 0 && data[9] == 0 && size > 0 && uint64(at) >= 6+16*uint64(count) && uint64(at) < uint64(len(data))
}

// isTGA requires the footer of version 2, or a header of version 1 that has no contradiction.
func isTGA(data []byte) bool {
	const header = 18
	if bytes.HasSuffix(data, []byte("TRUEVISION-XFILE.\x00")) {
		return true
	}
	if len(data) < header || data[1] > 1 || !strings.ContainsRune("\x01\x02\x03\x09\x0a\x0b", rune(data[2])) {
		return false
	}
	mapped, kind, depth := data[1] == 1, data[2]&7, data[16]
	width, height := binary.LittleEndian.Uint16(data[12:]), binary.LittleEndian.Uint16(data[14:])
	return mapped == (kind == 1) && width > 0 && height > 0 && (depth == 8 || depth == 15 || depth == 16 || depth == 24 || depth == 32) && data[17]&0xC0 == 0
}

// isQuickTimeAtom reports whether id is that of an atom with which QuickTime files without a
// type begin.
func isQuickTimeAtom(id string) bool {
	return id == "moov" || id == "mdat" || id == "wide" || id == "pnot"
}

// jpegAt returns the offset of a JPEG in the first bytes of data, -1 if there is none.
func jpegAt(data []byte) int {
	start := data[:min(len(data), maxText)]
	at := bytes.Index(start, []byte("\xff\xd8\xff"))
	if at < 0 || !isJPEG(data[at:]) {
		return -1
	}
	return at
}

// isTransportStream reports whether packets of MPEG-2 begin every 188 bytes (ISO/IEC
// 13818-1, section 2.4.3).
func isTransportStream(data []byte) bool {
	const packet, sync, packets = 188, 0x47, 4
	if len(data) < packet*packets {
		return false
	}
	for i := range packets {
		if data[i*packet] != sync {
			return false
		}
	}
	return true
}
