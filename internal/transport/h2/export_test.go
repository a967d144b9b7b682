package h2

// Buffered returns the memory that request bodies hold, in bytes.
func (s *Server) Buffered() int64 { return s.buffered.Load() }

// Conns returns the number of open connections.
func (s *Server) Conns() int { return len(s.openConns()) }

// Unsent returns the bytes in the send buffers of all connections.
func (s *Server) Unsent() int {
	n := 0
	for _, c := range s.openConns() {
		c.mu.Lock()
		n += len(c.send.buf)
		c.mu.Unlock()
	}
	return n
}

// UnboundSendBuffer disables the bound of the socket send buffer, before the server serves.
func (s *Server) UnboundSendBuffer() { s.maxLocalRTT = 0 }

// Budgets and limits under test.
const (
	FrameBudget       = frameBudget
	ResetBudget       = resetBudget
	MinProgress       = minProgress
	MaxSendBuffer     = maxSendBuffer
	MaxControlBacklog = maxControlBacklog
)

// Peers returns the number of peers with connections.
func (s *Server) Peers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.peers)
}
