// Package process starts worker processes and is the server's side of each: the handshake,
// requests to load and unload models, runs, memory limits, output, and death. It has no
// policy: which models share a process, and what happens after a death, is decided by the
// package above it.
//
// A worker is not trusted. All it writes is bounded and checked, and one that breaks the
// protocol is killed. It is implemented for Linux; [Start] returns
// channel.ErrNotSupported elsewhere.
package process
