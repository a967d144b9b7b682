//go:build cgo

package ort

// ForceThreads makes every run count as a long one, so that it uses a C thread.
func (s *Session) ForceThreads() {
	s.longRun = 0
	s.long.Store(true)
}
