//go:build !unix

package ort

// #include "api.h"
import "C"

// thread executes no runs: on this system every run uses the thread of its goroutine.
type thread struct{}

func (*thread) start(*C.tw_call) bool { return false }

func (*thread) run() *C.OrtStatus { return nil }

func (*thread) stop() {}
