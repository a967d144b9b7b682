// Package vision converts an encoded image into the input tensor of a vision model.
//
// The steps, and the files that implement them:
//
//	Sniff       detect the format             sniff.go
//	Describe    name other content            describe.go, signatures.go
//	Decode      check the size, then decode   decode.go, limits.go, containers.go
//	            reject or correct what the    tiffcheck.go, tiffcorrect.go, jpegcheck.go,
//	            decoders misread              jpeghuffman.go, bmpcheck.go
//	            apply the orientation         metadata.go, exif.go, orient.go
//	Image       packed 8-bit gray or RGB      image.go, pack.go, ycbcr.go, gif.go
//	Preprocess  preprocessor_config.json      preprocess.go, parse.go, reader.go
//	            processors and their defaults family.go
//	OutputSize  resize and crop geometry      geometry.go, window.go
//	Apply       resample                      resample.go, axis.go, filter.go
//	            rescale, normalise, lay out   apply.go
//
// The result should equal the tensor that the model saw in training. Most vision
// models on the Hugging Face Hub were trained or evaluated with an image processor
// of the transformers library, which resizes with Pillow. This package follows
// both: sizes and offsets are computed as in transformers, and the resampled bytes
// equal Pillow's. testdata/golden.py records the results of both, and the tests
// compare them.
//
// Everything in the package is safe for concurrent use as long as no value is
// modified while it is read: any number of goroutines may share an [Image] and a
// [Preprocess].
//
// # Known differences from Pillow
//
// The horizontal pass of a resize comes first, as in Pillow up to 12, with which
// models were trained. Pillow 13 runs the vertical pass first if the height shrinks
// by more than twice the pixels that the width does; a value may then differ by one
// level.
//
// Subsampled chroma is repeated, while libjpeg and libwebp interpolate it. At a
// sharp border between colours a decoded pixel may differ by many levels, and
// shrinking averages most of that away: a gradient differs by at most 5 levels, noise
// by up to 93. The inverse DCT of image/jpeg may differ from libjpeg's by one level. A
// 16-bit gray image keeps its high byte, while Pillow's convert clips. Embedded colour
// profiles are ignored, as in Pillow.
package vision
