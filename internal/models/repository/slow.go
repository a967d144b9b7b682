package repository

import "time"

const (
	// SlowLoad is how long a load holds one of Options.LoadConcurrency slots. Afterwards other
	// loads do not wait for it.
	SlowLoad = 10 * time.Second
	// MaxSlowLoads bounds the loads in progress that hold no slot. Each may occupy a thread
	// and the memory of a model.
	MaxSlowLoads = 8
)

// slowness takes the slot from a load that is slow, so that loads that are stuck hold up no
// others. It is for the operation's goroutine.
type slowness[S any] struct {
	operation *operation[S]
	timer     *time.Timer
	// after receives when the load is slow; nil once it has.
	after <-chan time.Time
	// place takes an element when there is room for another slow load; nil before the load
	// is slow, and afterwards.
	place chan<- struct{}
	// left reports that the load has a place among the slow ones, and no slot.
	left bool
}

// watch begins to watch a load. The caller calls stop at its end.
func (o *operation[S]) watch() *slowness[S] {
	timer := time.NewTimer(SlowLoad)
	return &slowness[S]{operation: o, timer: timer, after: timer.C}
}

// passed records that the load is slow.
func (s *slowness[S]) passed() {
	s.after = nil
	if s.operation.loading {
		s.place = s.operation.slow
	}
}

// leave gives the slot of the operation up. It has a place among the slow loads now.
func (s *slowness[S]) leave() {
	o := s.operation
	s.place, s.left = nil, true
	o.releaseSlot()
	o.options.Logger.Warn("a load is slow: other models load beside it", "model", o.name, "after", SlowLoad)
}

func (s *slowness[S]) stop() {
	s.timer.Stop()
	if s.left {
		<-s.operation.slow
	}
}
