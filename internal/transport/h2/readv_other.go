//go:build !linux

package h2

// readv reads what is available into the first of pieces.
func readv(fd uintptr, pieces [][]byte) (int, error) { return readNonblocking(fd, pieces[0]) }
