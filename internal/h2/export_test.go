package h2

// Buffered returns how many bytes of memory bodies hold.
func (s *Server) Buffered() int64 { return s.buffered.Load() }

// Conns returns how many connections there are.
func (s *Server) Conns() int { return len(s.open()) }

// Budgets and bounds that tests attack.
const (
	FrameBudget = frameBudget
	ResetBudget = resetBudget
	StallLeast  = stallLeast
)
