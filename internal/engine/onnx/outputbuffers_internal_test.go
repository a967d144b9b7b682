package onnx

import "testing"

// A gap of at least one stride is detected at every position.
func TestMarksDetectUnwrittenMemory(t *testing.T) {
	const size = 100_000
	for _, stride := range []int{markSize, markStride} {
		gap := stride + markSize
		for at := 0; at+gap <= size; at += 499 {
			m := outputBuffers{pooled: true, stride: stride}
			other, b := m.allocateMarked(size/2), m.allocateMarked(size)
			clear(other)
			clear(b[:at])
			clear(b[at+gap:])
			if !m.unwritten() {
				t.Errorf("a gap at %d is not detected, with stride %d", at, stride)
			}
			clear(b[at : at+gap])
			if m.unwritten() {
				t.Errorf("after the gap at %d is written, another is detected", at)
			}
			m.release()()
		}
	}
}
