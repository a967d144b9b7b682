package vision

import "bytes"

// signature is a byte sequence at a fixed offset that identifies a format.
type signature struct {
	offset  int
	magic   string
	content Content
}

// signatures has the formats that a fixed sequence of at least four bytes identifies, as
// their specifications and the IANA media type registry give them. Longer sequences precede
// their prefixes.
var signatures = [...]signature{
	{0, "\x00\x00\x00\x0cJXL \r\n\x87\n", imageContent("JPEG XL")},
	{0, "\x00\x00\x00\x0cjP  \r\n\x87\n", imageContent("JPEG 2000")},
	{0, "\xff\x4f\xff\x51", imageContent("JPEG 2000")}, // a bare codestream
	{0, "\xff\xd8\xff\xf7", imageContent("JPEG-LS")},
	{0, "8BPS\x00\x01", imageContent("Photoshop (PSD)")},
	{0, "8BPS\x00\x02", imageContent("Photoshop (PSB)")},
	{0, "\x76\x2f\x31\x01", imageContent("OpenEXR")},
	{0, "#?RADIANCE", imageContent("Radiance HDR")},
	{0, "#?RGBE", imageContent("Radiance HDR")},
	{0, "qoif", imageContent("QOI")},
	{0, "DDS \x7c\x00\x00\x00", imageContent("DDS")},
	{0, "\xabKTX ", imageContent("KTX")},
	{0, "FLIF", imageContent("FLIF")},
	{0, "BPG\xfb", imageContent("BPG")},
	{0, "farbfeld", imageContent("farbfeld")},
	{0, "gimp xcf ", imageContent("GIMP (XCF)")},
	{0, "icns\x00", imageContent("ICNS")},
	{0, "II+\x00\x08\x00\x00\x00", bigTIFF},
	{0, "MM\x00+\x00\x08\x00\x00", bigTIFF},
	{0, "FUJIFILMCCD-RAW", imageContent("Fujifilm raw")},
	{0, "IIU\x00", imageContent("Panasonic raw")},
	{0, "IIRO", imageContent("Olympus raw")},
	{0, "AT&TFORM", documentContent("DjVu")},
	{0, "SIMPLE  =", imageContent("FITS")},
	{128, "DICM", imageContent("DICOM")},
	{0, "%!PS-Adobe", documentContent("PostScript")},
	{0, "%PDF-", documentContent("PDF")},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", documentContent("Microsoft Office")},
	{0, "{\\rtf", documentContent("RTF")},

	{0, "ID3", soundContent("MP3").uncertain()},
	{0, "fLaC\x00\x00\x00\x22", soundContent("FLAC")},
	{0, "OggS\x00", soundContent("Ogg")},
	{0, "#!AMR", soundContent("AMR")},
	{0, "MThd\x00\x00\x00\x06", soundContent("MIDI")},

	{0, "FLV\x01", videoContent("Flash")},
	{0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", videoContent("Windows Media")},

	{0, "\x93NUMPY", arrayContent("numpy (.npy)")},
	{0, "\x89HDF\r\n\x1a\n", arrayContent("HDF5")},
	{0, "PAR1", arrayContent("Parquet")},
	{0, "SQLite format 3\x00", Content{Name: "a SQLite database", Advice: adviceExport, Certain: true}},
	{0, "\x7fELF", Content{Name: "an executable", Advice: adviceExport, Certain: true}},

	{0, "\x28\xb5\x2f\xfd", archiveContent("zstd")},
	{0, "\xfd7zXZ\x00", archiveContent("xz")},
	{0, "7z\xbc\xaf\x27\x1c", archiveContent("7-Zip")},
	{0, "Rar!\x1a\x07", archiveContent("RAR")},
	{257, "ustar", archiveContent("tar")},
}

var bigTIFF = Content{Name: "a BigTIFF image, which is not supported", Advice: "save it as a TIFF of 32-bit offsets, or " + adviceConvert, Certain: true}

func describeSignature(data []byte) Content {
	for _, s := range signatures {
		if len(data) >= s.offset && bytes.HasPrefix(data[s.offset:], []byte(s.magic)) {
			return s.content
		}
	}
	return Content{}
}
