// Package repository keeps the models of a directory with Triton's layout,
// <model>/<version>/model.onnx, follows its changes, and hands out leases of them. It is
// independent of RPC and HTTP.
//
// In a model's directory, config.pbtxt is read as Triton reads it. In a version's
// directory or the model's, two common formats are read: labels.txt or Hugging Face's
// config.json for labels, and Hugging Face's preprocessor_config.json for images.
//
// The type parameter S of a [Repository] is the type of [Version].Serving: the data that
// Options.Compile derives from a version, and that its users serve it with.
//
// Readers see an immutable [Snapshot] and never wait. Loads run one at a time: the holder
// of the load lock reads a model's files, builds the versions that have changed, and swaps
// them in. A replaced version is closed when its last lease is released.
//
// All files are read through an [os.Root]: no name of a request, no configuration and no
// symbolic link leads out of the models directory.
package repository
