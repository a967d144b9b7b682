// Package listen parses the addresses that a server listens on, and binds them: TCP, Unix sockets,
// and sockets that the process has inherited, from systemd or as descriptors.
package listen
