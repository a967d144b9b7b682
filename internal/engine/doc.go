// Package engine is the contract between the server and the runtimes that execute
// models: the [Session] of a loaded model, the [Signature] that it declares, the
// [Engine] that loads it, the [Registry] that maps platform names to engines, and the
// errors that every implementation returns.
//
// Ownership: the composition root opens engines and hands them to a Registry, which
// then owns them. The model repository owns the sessions that it loads. Shutdown
// closes the repository first, which closes every session, and then the Registry,
// which closes the engines.
package engine
