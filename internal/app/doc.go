// Package app is the composition root: it builds a server from its configuration, and
// starts and stops it. The command and the package tensorwire are its callers.
//
// New builds from the bottom up: engine, model repository, handlers, HTTP server. The
// caller binds a listener, then Serve serves it. Stop takes everything down in the
// reverse order of a request's way: not ready, stop accepting, drain the handlers, close
// the models with their schedulers, unload the engine.
package app
