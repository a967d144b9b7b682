package vision

import (
	"fmt"
	"strings"
)

// Content is what data is that is not an image of a supported format.
type Content struct {
	// Name is a noun with its article, such as "a HEIC image". It is empty if the data is
	// not recognized.
	Name string
	// Advice is what the client does to send the image, in the imperative.
	Advice string
	// Certain reports that the signature is too long to be the first values of an array by
	// chance.
	Certain bool
}

// The names of the supported formats in error texts, and what a client does with others.
const (
	// FormatNames lists the formats that [Decode] supports, for error texts.
	FormatNames = "JPEG, PNG, GIF, WebP, BMP or TIFF"

	adviceConvert = "convert it to JPEG, PNG or WebP"
	adviceFrame   = "send one frame as a JPEG, PNG or WebP image"
	adviceExport  = "send an image, as JPEG, PNG or WebP"
	adviceUnpack  = "unpack it, and send the image itself"
	adviceArray   = "send the values that the file holds, as its array's tobytes() writes them, with datatype and shape"
	adviceBytes   = "send the bytes of the image themselves"
)

// Describe recognizes data that a client may mistake for a supported image: images of other
// formats, audio, video, documents, archives, arrays in files, and text. It reads a bounded
// part of data. It is safe for concurrent use.
func Describe(data []byte) Content {
	for _, describe := range [...]func([]byte) Content{describeSignature, describeContainer, describeText, describeWeak} {
		if c := describe(data); c.Name != "" {
			return c
		}
	}
	return Content{}
}

// NotImage says what data is that [Sniff] does not recognize, and what to do. The text is a
// clause that begins with the number of bytes.
func NotImage(data []byte) string {
	if len(data) == 0 {
		return "there are no bytes: send a " + FormatNames + " image"
	}
	count := "the 1 byte is"
	if len(data) > 1 {
		count = fmt.Sprintf("the %d bytes are", len(data))
	}
	if f := truncatedFormat(data); f != "" {
		return fmt.Sprintf("%s the beginning of a %s image that ends early: send the whole file", count, f)
	}
	if c := Describe(data); c.Name != "" {
		return fmt.Sprintf("%s %s: %s", count, c.Name, c.Advice)
	}
	return fmt.Sprintf("%s no supported image, they start with % x: send a %s image", count, data[:min(len(data), 8)], FormatNames)
}

// sniffBytes is the number of bytes with which [Sniff] recognizes every format.
const sniffBytes = 18

// truncatedFormat returns the format of which data is the beginning, if it is too short for
// [Sniff].
func truncatedFormat(data []byte) Format {
	if len(data) < 2 || len(data) >= sniffBytes {
		return ""
	}
	for _, start := range [...]struct {
		format Format
		magic  string
	}{
		{JPEG, "\xff\xd8\xff"},
		{PNG, "\x89PNG\r\n\x1a\n"},
		{GIF, "GIF87a"},
		{GIF, "GIF89a"},
		{BMP, "BM"},
		{TIFF, "II*\x00"},
		{TIFF, "MM\x00*"},
	} {
		if n := min(len(data), len(start.magic)); string(data[:n]) == start.magic[:n] {
			return start.format
		}
	}
	if n := min(len(data), 4); string(data[:n]) == "RIFF"[:n] && (len(data) < 12 || string(data[8:12]) == "WEBP") {
		return WebP
	}
	return ""
}

// imageContent and the functions below return the content of a kind. It is certain; see
// uncertain.
func imageContent(name string) Content {
	return Content{Name: article(name) + " image, which is not supported", Advice: adviceConvert, Certain: true}
}

func soundContent(name string) Content {
	return Content{Name: name + " audio", Advice: adviceExport, Certain: true}
}

func videoContent(name string) Content {
	return Content{Name: article(name) + " video", Advice: adviceFrame, Certain: true}
}

func documentContent(name string) Content {
	return Content{Name: article(name) + " document", Advice: adviceExport, Certain: true}
}

func archiveContent(name string) Content {
	return Content{Name: article(name) + " archive", Advice: adviceUnpack, Certain: true}
}

func arrayContent(name string) Content {
	return Content{Name: article(name) + " file", Advice: adviceArray, Certain: true}
}

// article puts "a" or "an" before a name, by how it is pronounced.
func article(name string) string {
	vowels := "AEIOUaeiou"
	switch spelled := strings.ToUpper(name[:2]) == name[:2]; {
	case strings.HasPrefix(name, "HEI"), strings.HasPrefix(name, "RAR"), strings.HasPrefix(name, "FLIF"), strings.HasPrefix(name, "FITS"):
		return "a " + name
	case spelled: // such as SVG, said "ess vee gee"
		vowels = "AEFHILMNORSX"
	}
	if strings.ContainsRune(vowels, rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
