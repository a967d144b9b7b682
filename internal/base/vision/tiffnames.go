package vision

import (
	"strconv"
	"strings"
)

// tiffCompressions names the values of Compression, from TIFF 6.0 and the registry of
// libtiff.
var tiffCompressions = map[int64]string{
	0: "none", tiffUncompressed: "none", 2: "CCITT run-length", tiffCCITT3: "CCITT Group 3", tiffCCITT4: "CCITT Group 4",
	tiffLZW: "LZW", 6: "old-style JPEG", 7: "JPEG", tiffDeflate: "Deflate", 9: "JBIG", 10: "JBIG",
	32766: "NeXT", 32771: "CCITT run-length", tiffPackBits: "PackBits", 32809: "ThunderScan", tiffOldDeflate: "Deflate",
	34661: "JBIG", 34676: "SGI LogLuv", 34677: "SGI LogLuv", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 34925: "LZMA",
	50000: "zstd", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}

var tiffPhotometrics = map[int64]string{
	photometricWhiteIsZero: "inverted gray", photometricBlackIsZero: "gray", photometricRGB: "RGB", photometricPalette: "palette",
	4: "transparency mask", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab",
	32803: "color filter array", 32844: "LogL", 32845: "LogLuv", 34892: "linear raw",
}

// named returns the name of a value, and the value if it has none.
func named(names map[int64]string, value int64) any {
	if name, ok := names[value]; ok {
		return name
	}
	return value
}

// listed returns the numbers for a sentence: "1, 8 and 16".
func listed(numbers []int64) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.FormatInt(n, 10))
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " and " + texts[last]
}
