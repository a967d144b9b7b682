package vision

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"io"
	"slices"
)

// The keywords of text chunks that hold metadata: XMP's own (XMP specification, part 3), and
// the one under which ImageMagick and others store EXIF.
const (
	keywordXMP  = "XML:com.adobe.xmp"
	keywordEXIF = "Raw profile type exif"
)

// pngMetadata reads the eXIf chunk of PNG's third edition and the text chunks, which may be
// before or after the pixels. Of several with one keyword the last counts, as in Pillow.
func pngMetadata(data []byte) (m metadata) {
	var profile, xmp pngText
	for id, chunk := range pngChunks(data) {
		if id == "eXIf" {
			m.exif = chunk
		}
		text := readText(id, chunk)
		switch text.keyword {
		case keywordXMP:
			xmp = text
		case keywordEXIF:
			profile = text
		}
	}
	m.xmp = xmp.read()
	if m.exif == nil {
		m.exif = decodeProfile(profile.read())
	}
	return m
}

// hasTextMetadata reports whether a PNG has metadata in text chunks.
func hasTextMetadata(data []byte) bool {
	for id, chunk := range pngChunks(data) {
		if keyword := readText(id, chunk).keyword; keyword == keywordXMP || keyword == keywordEXIF {
			return true
		}
	}
	return false
}

// pngText is the content of a text chunk.
type pngText struct {
	keyword    string
	content    []byte
	compressed bool
}

// readText splits a text chunk (PNG specification, third edition, section 11.3.3). The
// keyword is empty for other chunks and malformed ones.
func readText(id string, chunk []byte) pngText {
	if id != "tEXt" && id != "zTXt" && id != "iTXt" {
		return pngText{}
	}
	keyword, rest, found := bytes.Cut(chunk, []byte{0})
	t := pngText{keyword: string(keyword[:min(len(keyword), 80)]), content: rest}
	switch {
	case !found:
		return pngText{}
	case id == "zTXt":
		if len(rest) == 0 || rest[0] != 0 {
			return pngText{}
		}
		t.content, t.compressed = rest[1:], true
	case id == "iTXt":
		if len(rest) < 2 || rest[0] != 0 && rest[1] != 0 {
			return pngText{}
		}
		parts := bytes.SplitN(rest[2:], []byte{0}, 3) // language, translated keyword, text
		if len(parts) < 3 {
			return pngText{}
		}
		t.content, t.compressed = parts[2], rest[0] != 0
	}
	return t
}

// read returns the text, decompressed up to maxMetadata.
func (t pngText) read() []byte {
	if !t.compressed {
		return t.content
	}
	z, err := zlib.NewReader(bytes.NewReader(t.content))
	if err != nil {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(z, maxMetadata))
	if err != nil {
		return nil
	}
	return text
}

// decodeProfile decodes a raw profile: an empty line, the name, the number of bytes, and
// lines of hexadecimal digits.
func decodeProfile(text []byte) []byte {
	lines := bytes.SplitN(text[:min(len(text), maxMetadata)], []byte("\n"), 4)
	if len(lines) < 4 {
		return nil
	}
	digits := slices.DeleteFunc(bytes.Clone(lines[3]), func(b byte) bool { return b == '\n' || b == '\r' || b == ' ' || b == '\t' })
	block := make([]byte, hex.DecodedLen(len(digits)))
	if n, err := hex.Decode(block, digits); err != nil {
		return block[:n]
	}
	return block
}
