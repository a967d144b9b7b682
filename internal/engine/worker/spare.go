package worker

import "time"

// spareTime is how long after the last death of its worker a model has a spare.
const spareTime = 10 * time.Minute

// spare is a second process with a model that ended its worker recently: the next death then
// costs no load. Pools have none: a model that ends its pool leaves it. It is for the
// goroutine of supervise.
type spare struct {
	host  *host
	until time.Time
	// ready delivers the process; nil: none was started.
	ready chan prepared
}

type prepared struct {
	process Process
	places  map[*session]place
	err     error
}

// want asks for a spare from now on, for a while.
func (s *spare) want() {
	if !s.host.pool && s.host.engine.options.Spares {
		s.until = time.Now().Add(spareTime)
	}
}

// keep starts the spare in the background, if one is wanted and none is there.
func (s *spare) keep() {
	if s.ready != nil || !time.Now().Before(s.until) {
		return
	}
	ready := make(chan prepared, 1)
	s.ready = ready
	spec := s.host.spec
	spec.Name, spec.Role = spec.Name+" (spare)", Spare
	go func() {
		p, places, err := s.host.prepare(spec)
		ready <- prepared{p, places, err}
	}()
}

// take returns the spare, and waits for one that is being started. Without a spare that runs
// it returns nothing.
func (s *spare) take() (Process, map[*session]place) {
	if s.ready == nil {
		return nil, nil
	}
	got := <-s.ready
	s.ready = nil
	if got.err != nil || isDead(got.process) {
		return nil, nil // the next start reports why it fails
	}
	return got.process, got.places
}

// end ends the spare.
func (s *spare) end() {
	if p, _ := s.take(); p != nil {
		end(p)
	}
}
