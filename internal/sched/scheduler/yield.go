package scheduler

const (
	// minSoloBatches is the number of consecutive batches of one request after which an
	// instance assumes that callers do not arrive together.
	minSoloBatches = 64
	// soloProbeInterval is the number of further batches between checks of that
	// assumption. The checks are rare enough not to affect the 99th percentile of a
	// single caller.
	soloProbeInterval = 128
)

// yieldsLocked reports whether an instance lets other goroutines run before it takes a
// batch. Go runs the goroutine that was woken last before those that are already runnable.
// So among callers whose responses, or whose messages, arrive together, the first one to
// send would run alone, and all others would wait for it. A single caller gains nothing
// from yielding, and loses the time that it takes.
func (s *scheduler) yieldsLocked() bool {
	joins := s.groupable
	if s.joinableLocked() {
		joins = s.options.Batching.MaxSize > 1
	}
	return joins && (s.soloBatches < minSoloBatches || s.soloBatches%soloProbeInterval == 0)
}
