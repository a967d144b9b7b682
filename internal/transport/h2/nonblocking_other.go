//go:build !unix

package h2

import "errors"

// canReadNow says that a descriptor cannot be read without waiting: connections are
// read as net.Conn has it.
const canReadNow = false

var errNothingYet = errors.New("h2: nothing yet")

func readDescriptor(uintptr, []byte) (int, error) { return 0, errNothingYet }
