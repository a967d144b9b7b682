package onnx

import "testing"

// What is not written is seen wherever it is, where it is more than what lies from one mark
// to the next.
func TestMarksShowWhatIsNotWritten(t *testing.T) {
	const size = 100_000
	for _, each := range []int{markSize, markEach} {
		gap := each + markSize
		for at := 0; at+gap <= size; at += 499 {
			m := memory{pooled: true, each: each}
			other, b := m.give(size/2), m.give(size)
			clear(other)
			clear(b[:at])
			clear(b[at+gap:])
			if !m.unwritten() {
				t.Errorf("a gap at %d is not seen, with marks each %d", at, each)
			}
			clear(b[at : at+gap])
			if m.unwritten() {
				t.Errorf("with the gap at %d filled, another is seen", at)
			}
			m.free()()
		}
	}
}
