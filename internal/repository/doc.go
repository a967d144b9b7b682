// Package repository keeps the models of a directory laid out as Triton lays it
// out, <model>/<version>/model.onnx, and hands out leases on them. It knows no RPC
// and no HTTP.
//
// Beside the model file, in the version's directory or in the model's, two formats
// that people already have are read: labels.txt or Hugging Face's config.json for
// labels, and Hugging Face's preprocessor_config.json for images.
package repository
