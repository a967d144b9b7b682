// Package child is the main function of a worker process: the handshake with the server,
// resource limits, the engine, the sandbox, and then requests of the control socket and
// runs of the channel.
//
// The process does not outlive its server: it ends when the server's end of an inherited
// pipe closes. It ignores the signals that end a server, which stops its workers itself
// after the last request.
package child
