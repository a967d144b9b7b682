// Package app is the composition root: it builds a server from its configuration, and
// starts and stops it. The command and the package tensorwire are its callers.
//
// New builds from the bottom up: engine, model repository, handlers, HTTP server. Listen
// binds a listener, and Run serves it. Run and Shutdown stop from the top down: not ready,
// stop accepting, drain the handlers, close the models with their schedulers, unload the
// engine.
package app
