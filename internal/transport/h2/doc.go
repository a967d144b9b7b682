// Package h2 serves HTTP/2 (RFC 9113) on connections that an http.Server hands over,
// by the http.Server's own handler. It is made for servers that move large messages:
// what arrives is copied once, from the connection's receive buffer into the memory
// that a handler reads into, and what is sent leaves in few, large writes.
//
// How a connection works:
//
//   - One goroutine reads it (read.go, receiver.go). It parses frames from one buffer and
//     acts on them itself; there is no serving loop behind it. What it sets going, it
//     sets going when its buffer is empty and it would wait for the network: handlers
//     start then, with the first bytes of their bodies already there, and handlers
//     that wait for a body wake then, or as soon as their memory is full. So a small
//     request costs one wake-up, and a large message one, not one a frame.
//   - Handlers run on goroutines that are used again, last in, first out (workers.go).
//   - Whoever has something to send appends it to one buffer under the connection's
//     lock (send.go); a writer (writer.go) that exists only while there is something to write
//     yields once, so that what others are about to send goes along, and writes
//     everything there is. Data too large to be copied is sent from the handler's own
//     memory, in turns with other streams, while the handler waits.
//   - Flow control gives credit back at a quarter of a window, as handlers consume.
//
// What a handler sees is net/http's contract. What a peer may cost is bounded: see
// Options and flood.go.
package h2
