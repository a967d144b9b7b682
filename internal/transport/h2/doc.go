// Package h2 is an HTTP/2 server (RFC 9113, with HPACK of RFC 7541) for connections that an
// http.Server accepts. It serves requests with the http.Server's own handler and is made
// for servers that move large messages. While a handler waits in Read, bytes are copied once,
// from the receive buffer into the handler's memory; large messages go from the socket
// straight into it (zero-copy). Responses leave in few, large writes. Configure is the entry
// point.
//
// # Reading
//
// One reader goroutine per connection parses frames from one pooled buffer and acts on them
// (readloop.go, receivebuffer.go). There is no serving loop behind it, and no goroutine per
// frame. Before it waits for the network it starts the handlers of new requests and wakes
// the handlers that wait for a body. A handler therefore starts with the first bytes of its
// body present, and wakes once per message (or when its memory is full), not once per
// frame. Body.Read lends the caller's memory to the reader goroutine until it returns: DATA
// goes there directly (directread.go), else into a pooled buffer per body
// (bodydelivery.go).
//
// # Writing
//
// Handlers run on pooled goroutines, last in, first out (workers.go). They append HEADERS,
// small DATA and trailers to one buffer per connection, under the connection's lock
// (sendqueue.go, hpack.go). A lazy writer (writer.go) exists only while there is something
// to send. It yields once, so that the frames of other handlers join, and writes everything
// in one call. DATA too large to copy is sent from the handler's own memory, in turns with
// other streams, while the handler waits in Write (senddata.go).
//
// # Flow control
//
// SETTINGS advertises large windows (settings.go), because small ones cost throughput.
// WINDOW_UPDATE returns credit when a quarter of a window has been consumed by handlers
// (flowcontrol.go), so a slow handler exerts backpressure on its peer.
//
// # Buffer ownership
//
// Buffers come from bufpool, and their owner returns them exactly once:
//
//   - The receive buffer belongs to the reader goroutine. An idle connection returns it.
//   - A body's buffer belongs to the body, under body.mu, and counts against
//     Options.MaxBufferedBytes. It returns when it is read, closed or reset.
//   - The memory of Body.Read belongs to the caller again when Read or Close has returned.
//     The reader goroutine writes into it only under body.mu.
//   - The send buffer belongs to the connection, under conn.mu, and to the writer while it
//     is being written.
//   - The argument of Write stays the handler's. The connection no longer refers to it when
//     Write has returned.
//
// # Limits on what a peer can cost
//
// Options lists the limits. flood.go has the budgets against rapid reset (CVE-2023-44487),
// made-you-reset (CVE-2025-8671) and floods of PING, SETTINGS, PRIORITY, WINDOW_UPDATE and
// empty frames (CVE-2019-9511 to 9518). headerblock.go and hpack.go bound a CONTINUATION
// flood (CVE-2023-45288), headerfields.go and flood.go an HPACK bomb. sendqueue.go bounds
// responses that the peer does not read. minrate.go enforces a minimum transfer rate for
// streams whose flow-control window stays closed. peerbuffers.go bounds the unread bodies of
// one peer, discard.go what is dropped of a request that was answered before its end.
// timers.go has the timeouts of handshake, header block, idle connection and PING.
//
// # Graceful shutdown
//
// Server.Shutdown sends GOAWAY in two steps (goaway.go): the first one leaves streams in
// flight valid, the second one names the last stream (RFC 9113, section 6.8). The
// connection closes when its last stream has ended.
//
// Handlers see the contract of net/http; contract_test.go runs the same tests on both
// servers.
package h2
