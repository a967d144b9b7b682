//go:build !unix

package ort

// #include "api.h"
import "C"

// thread makes no runs: on this system they are all made by the threads of their
// goroutines.
type thread struct{}

func (*thread) start(*C.tw_call) bool { return false }

func (*thread) run() *C.OrtStatus { return nil }

func (*thread) stop() {}
