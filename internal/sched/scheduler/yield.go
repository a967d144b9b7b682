package scheduler

const (
	// enoughAlone is after how many batches of one request in a row an instance takes it
	// that nobody comes together with others.
	enoughAlone = 64
	// tryAgain is after how many more it looks whether that has changed: rarely enough
	// for the 99th percentile of a caller that is alone.
	tryAgain = 128
)

// yields reports whether an instance that is woken lets other goroutines run before it
// takes a batch. Go runs the goroutine that was woken last before those that were ready
// already. So of callers who are answered together, or whose messages come together, the
// first to send a request would have it run alone, and all others would wait for that. A
// caller that is alone gains nothing, and loses what the detour takes. The caller holds
// the lock.
func (s *scheduler) yields() bool {
	return s.joinable() && s.options.Batching.MaxSize > 1 && (s.alone < enoughAlone || s.alone%tryAgain == 0)
}
