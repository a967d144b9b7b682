package vision

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxText bounds what is read of a text to recognize it, in bytes.
const maxText = 1 << 10

// markup has the first tags of documents, lower case.
var markup = [...]struct {
	tag     string
	content Content
}{
	{"<svg", imageContent("SVG")},
	{"<!doctype svg", imageContent("SVG")},
	{"<!doctype html", documentContent("HTML")},
	{"<html", documentContent("HTML")},
	{"<head", documentContent("HTML")},
	{"<body", documentContent("HTML")},
}

// describeText recognizes text: a form, markup, JSON, a URL, and an image in base64. The
// constant arrays of printable bytes are none of them for certain.
func describeText(data []byte) Content {
	text := bytes.TrimLeft(bytes.TrimPrefix(data[:min(len(data), maxText)], []byte("\xef\xbb\xbf")), " \t\r\n")
	if isForm(text) {
		return Content{Name: "a multipart form", Advice: "send the image as the body itself", Certain: true}
	}
	if len(text) == 0 || !isText(text) {
		return Content{}
	}
	lower := strings.ToLower(string(text))
	switch {
	case strings.HasPrefix(lower, "<"):
		return describeMarkup(lower)
	case strings.HasPrefix(lower, "data:"):
		return Content{Name: "a data: URL", Advice: "send the bytes that it encodes, without the URL", Certain: true}
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"), strings.HasPrefix(lower, "file://"):
		return Content{Name: "a URL", Advice: adviceBytes + ": the server fetches nothing", Certain: true}
	case isJSON.Match(text):
		return Content{Name: "JSON", Advice: adviceBytes, Certain: text[0] == '{' && len(text) >= 8}
	}
	if c := describeBase64(text); c.Name != "" {
		return c
	}
	if len(text) >= 8 {
		return Content{Name: "text", Advice: adviceBytes}
	}
	return Content{}
}

// isForm reports whether data begins with a boundary and the header of a part (RFC 7578).
func isForm(data []byte) bool {
	return bytes.HasPrefix(data, []byte("--")) && bytes.Contains(bytes.ToLower(data), []byte("\ncontent-disposition:"))
}

// isText reports whether data is printable UTF-8, of which the last character may be cut.
func isText(data []byte) bool {
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 && (utf8.FullRune(data) || len(data) >= utf8.UTFMax) {
			return false
		}
		if r < ' ' && r != '\t' && r != '\r' && r != '\n' || r == 0x7F {
			return false
		}
		data = data[size:]
	}
	return true
}

// describeMarkup names a document by the first of the known tags, which may follow an XML
// declaration and comments.
func describeMarkup(text string) Content {
	first, found := len(text), Content{}
	for _, m := range markup {
		if at := strings.Index(text, m.tag); at >= 0 && at < first {
			first, found = at, m.content
		}
	}
	if found.Name == "" && strings.HasPrefix(text, "<?xml") {
		return documentContent("XML")
	}
	return found
}

// isJSON accepts the beginning of an object or an array.
var isJSON = regexp.MustCompile(`^(\{\s*("|\}|$)|\[\s*(["\[{\]]|-?[0-9]+[.,eE\]\s]|$))`)

// base64Sample is the number of characters of base64 that are decoded to see what they
// encode.
const base64Sample = 512

// describeBase64 recognizes the base64 of an image or of other known content, in either
// alphabet.
func describeBase64(text []byte) Content {
	sample := strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "", `"`, "").Replace(string(text))
	sample = sample[:min(len(sample), base64Sample)]
	sample = strings.TrimRight(sample, "=")
	if len(sample) < 16 {
		return Content{}
	}
	decoded, err := base64.RawStdEncoding.DecodeString(sample[:len(sample)&^3])
	if err != nil {
		return Content{}
	}
	name := describeSignature(decoded).Name
	if f := Sniff(decoded); f != "" {
		name = "a " + string(f) + " image"
	}
	if name == "" {
		return Content{}
	}
	return Content{Name: name + " in base64", Advice: "decode it, and " + adviceBytes, Certain: true}
}
