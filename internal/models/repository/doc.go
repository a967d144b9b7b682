// Package repository keeps the models of a directory with Triton's layout,
// <model>/<version>/model.onnx, follows its changes, and hands out leases of them. It is
// independent of RPC and HTTP.
//
// In a model's directory, config.pbtxt is read as Triton reads it. In a version's
// directory or the model's, two common formats are read: labels.txt or Hugging Face's
// config.json for labels, and Hugging Face's files for the preprocessing of images. What is
// wrong in these is a warning.
//
// The type parameter S of a [Repository] is the type of [Version].Serving: the data that
// Options.Compile derives from a version, and that its users serve it with.
//
// Readers see an immutable [Snapshot] and never wait. A replaced version is closed when
// its last lease is released.
//
// # Loads
//
// A change of a model is an operation. A model has one operation at a time, and models do
// not wait for each other. An operation that loads also holds one of
// Options.LoadConcurrency slots.
//
// An unload overtakes: it ends the context of the model's operations and takes effect when
// they have stopped. An operation stops at once, because it waits for a load in another
// goroutine. It abandons the load when its context or its time limit ends. An abandoned
// load holds no slot and no model. Its session is closed when the engine returns. The
// number of abandoned loads is bounded, and Close waits for those inside the engine.
//
// Reads of the directory, for a scan or before a load, run in goroutines of their own as
// well. A file system that does not answer holds up neither an operation that ends nor
// Close.
//
// A load whose failure may be transient is retried with backoff by a timer.
//
// # Files
//
// All files are read through an [os.Root]: no name of a request, no configuration and,
// without LinksAll, no symbolic link leads out of the models directory.
package repository
