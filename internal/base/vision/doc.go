// Package vision turns an encoded image into the tensor a vision model takes.
//
// The steps, and the file that holds each:
//
//	Sniff       what the bytes are            sniff.go
//	Decode      check the size, then decode   decode.go, limits.go, containers.go
//	            turn upright by EXIF          exif.go, orient.go
//	Image       packed 8-bit gray or RGB      image.go, pack.go, ycbcr.go, gif.go
//	Preprocess  preprocessor_config.json      preprocess.go, parse.go, reader.go
//	            processors and their defaults family.go
//	OutputSize  resize and crop geometry      geometry.go, window.go
//	Apply       resample                      resample.go, axis.go, filter.go
//	            rescale, normalise, lay out   apply.go
//
// The aim is the tensor that the model saw in training. Most vision models on
// the Hugging Face Hub were trained or evaluated behind an image processor of
// the transformers library, which resizes with Pillow. So the rules here are
// theirs: sizes and offsets are computed as transformers computes them, and
// the resampled bytes equal Pillow's (testdata/golden.py writes what both of
// them give, and the tests compare).
//
// Everything in the package is safe for concurrent use as long as nobody
// writes to a value that is being read: an [Image] and a [Preprocess] may be
// shared by any number of goroutines.
//
// # Known differences from Pillow
//
// The horizontal pass of a resize comes first, as in every Pillow up to 12,
// which models were trained with. Pillow 13 runs the vertical one first where
// the height shrinks by more than twice the pixels that the width does; there
// a value may differ by one level.
//
// Subsampled chroma is repeated, where libjpeg and libwebp interpolate it; at
// a sharp border between colours a decoded pixel may differ by some levels,
// and shrinking averages most of that away. The inverse DCT of image/jpeg may
// differ from libjpeg's by one level. A 16-bit gray image keeps its high byte,
// where Pillow's convert clips. Embedded colour profiles are ignored, as
// Pillow ignores them.
package vision
