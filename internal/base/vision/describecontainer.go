package vision

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
)

// describeContainer recognizes formats that share a container, by the type that it declares.
func describeContainer(data []byte) Content {
	switch {
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		return describeBrand(data)
	case len(data) >= 12 && string(data[:4]) == "RIFF":
		return describeRIFF(string(data[8:12]))
	case len(data) >= 12 && string(data[:4]) == "FORM" && strings.HasPrefix(string(data[8:12]), "AIF"):
		return soundContent("AIFF")
	case bytes.HasPrefix(data, []byte("\x1a\x45\xdf\xa3")): // EBML
		if bytes.Contains(data[:min(len(data), 64)], []byte("webm")) {
			return videoContent("WebM")
		}
		return videoContent("Matroska (MKV)")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		return describeZIP(data)
	case len(data) >= 10 && string(data[:3]) == "\x1f\x8b\x08" && data[3]&0xE0 == 0: // RFC 1952, section 2.3
		return Content{Name: "gzip data", Advice: "decompress it, and send the image itself", Certain: true}
	case isPNM(data):
		return imageContent("PNM")
	}
	return Content{}
}

// brands are those of ISO/IEC 14496-12 files, from the registry of the MP4 registration
// authority.
var brands = map[string]Content{
	"avif": imageContent("AVIF"), "avis": imageContent("AVIF"),
	"heic": imageContent("HEIC"), "heix": imageContent("HEIC"), "heim": imageContent("HEIC"),
	"heis": imageContent("HEIC"), "hevc": imageContent("HEIC"), "hevx": imageContent("HEIC"),
	"jxl ": imageContent("JPEG XL"), "jp2 ": imageContent("JPEG 2000"), "jpx ": imageContent("JPEG 2000"),
	"crx ": imageContent("Canon raw"),
	"M4A ": soundContent("M4A"), "M4B ": soundContent("M4A"),
	"qt  ": videoContent("QuickTime (MOV)"),
}

// describeBrand names a file by its major brand and then its compatible ones. mif1 and msf1
// are the structure that HEIC and AVIF share.
func describeBrand(data []byte) Content {
	major := string(data[8:12])
	if c, known := brands[major]; known {
		return c
	}
	if major != "mif1" && major != "msf1" {
		return videoContent("MP4")
	}
	const compatible = 16
	end := min(int(min(binary.BigEndian.Uint32(data), 1<<10)), len(data))
	for at := compatible; at+4 <= end; at += 4 {
		if c, known := brands[string(data[at:at+4])]; known {
			return c
		}
	}
	return imageContent("HEIF")
}

func describeRIFF(form string) Content {
	switch form {
	case "WAVE":
		return soundContent("WAV")
	case "AVI ":
		return videoContent("AVI")
	case "WEBP":
		return Content{Name: "a webp image that is malformed", Advice: adviceConvert}
	}
	return Content{}
}

// describeZIP names an archive by the name of its first file, which many formats fix.
func describeZIP(data []byte) Content {
	const lengthAt, nameAt = 26, 30
	if len(data) < nameAt {
		return archiveContent("zip")
	}
	length := int(binary.LittleEndian.Uint16(data[lengthAt:]))
	name := string(data[nameAt:min(nameAt+length, len(data))])
	switch {
	case strings.HasSuffix(name, ".npy"):
		return arrayContent("numpy (.npz)")
	case name == "[Content_Types].xml", strings.HasPrefix(name, "_rels/"):
		return documentContent("Microsoft Office")
	case strings.HasSuffix(name, "/data.pkl"):
		return arrayContent("PyTorch")
	}
	return archiveContent("zip")
}

// pnmHeader is the beginning of a PNM or PFM file up to its size, or of a PAM file.
var pnmHeader = regexp.MustCompile(`^P([1-6Ff]\s+(#[^\n]*\n\s*)*[0-9]+\s+[0-9]+\s|7\n(#|WIDTH|HEIGHT|DEPTH|MAXVAL|TUPLTYPE))`)

func isPNM(data []byte) bool { return pnmHeader.Match(data[:min(len(data), maxText)]) }
