package h2

// Buffered returns how many bytes of memory bodies hold.
func (s *Server) Buffered() int64 { return s.buffered.Load() }

// Conns returns how many connections there are.
func (s *Server) Conns() int { return len(s.openConns()) }

// Unsent returns how many bytes of frames wait to be written, of all connections.
func (s *Server) Unsent() int {
	n := 0
	for _, c := range s.openConns() {
		c.mu.Lock()
		n += len(c.send.buf)
		c.mu.Unlock()
	}
	return n
}

// Budgets and bounds that tests attack.
const (
	FrameBudget       = frameBudget
	ResetBudget       = resetBudget
	MinProgress       = minProgress
	MaxSendBuffer     = maxSendBuffer
	MaxControlBacklog = maxControlBacklog
)
