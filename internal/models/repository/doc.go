// Package repository keeps the models of a directory laid out as Triton lays it
// out, <model>/<version>/model.onnx, follows what becomes of them, and hands out
// leases on them. It knows no RPC and no HTTP.
//
// Beside the model's versions, config.pbtxt is read as Triton reads it. In a
// version's directory or the model's, two formats that people already have are read:
// labels.txt or Hugging Face's config.json for labels, and Hugging Face's
// preprocessor_config.json for images.
//
// Readers see an immutable [Snapshot] and wait for nothing. Loads come one at a time:
// whoever has the repository's turn looks at a model's files, builds what has changed
// beside what serves, and swaps it in. What was replaced is closed when its last lease
// is released.
//
// Everything is read through an [os.Root]: no name of a request, no configuration and
// no symbolic link leads out of the models directory.
package repository
