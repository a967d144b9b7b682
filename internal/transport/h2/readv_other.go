//go:build !linux

package h2

// readScattered reads what there is into the first of the pieces.
func readScattered(fd uintptr, pieces [][]byte) (int, error) { return readDescriptor(fd, pieces[0]) }
