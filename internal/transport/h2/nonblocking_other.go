//go:build !unix

package h2

import "errors"

// canReadNonblocking: sockets cannot be read without blocking; connections are read by
// net.Conn.
const canReadNonblocking = false

var errWouldBlock = errors.New("h2: read would block")

func readNonblocking(uintptr, []byte) (int, error) { return 0, errWouldBlock }
