package chaos_test

import (
	"fmt"
	"strings"
	"time"
)

// state is what a server occupies.
type state struct {
	memory      int64 // of the process tree, in bytes (PSS)
	server      int64 // of the server's process alone
	descriptors int
	goroutines  int
	workers     int // children of the server
	zombies     int
	budget      int64 // reserved bytes of the memory budget
}

func (s state) String() string {
	return fmt.Sprintf("%d MiB (the server's process %d MiB), %d descriptors, %d goroutines, %d workers, %d zombies, %d bytes of the budget",
		s.memory>>20, s.server>>20, s.descriptors, s.goroutines, s.workers, s.zombies, s.budget)
}

// state measures the server.
func (s *server) state() (state, error) {
	var now state
	var err error
	if now.server, err = proportional(s.pid); err != nil {
		return state{}, err
	}
	now.memory = now.server
	for _, c := range children(s.pid) {
		if c.zombie {
			now.zombies++
			continue
		}
		now.workers++
		memory, err := proportional(c.pid)
		if err != nil {
			return state{}, err
		}
		now.memory += memory
	}
	if now.descriptors, err = descriptors(s.pid); err != nil {
		return state{}, err
	}
	for name, field := range map[string]func(v float64){
		"go_goroutines":                       func(v float64) { now.goroutines = int(v) },
		"tensorwire_memory_budget_used_bytes": func(v float64) { now.budget = int64(v) },
	} {
		v, err := s.metric(name)
		if err != nil {
			return state{}, err
		}
		field(v)
	}
	return now, nil
}

// idle reports whether no client is connected but the one that asks.
func (s *server) idle() error {
	open, err := s.metric("tensorwire_connections")
	if err == nil && open > 1 {
		err = fmt.Errorf("%v connections are open", open)
	}
	return err
}

// What a server may occupy more than at the start: buffers in pools and memory that Go and
// the C library keep, and connections and goroutines that are about to end.
const (
	moreMemory      = 64 << 20
	moreDescriptors = 8
	moreGoroutines  = 16
	settleTime      = 4 * time.Minute
)

// returned waits until the server occupies what it did at the start.
func (s *server) returned(before state) (after state, err error) {
	err = poll(settleTime, func() (err error) {
		if after, err = s.state(); err != nil {
			return err
		}
		var more []string
		for name, surplus := range map[string]int64{
			"bytes of memory":     after.memory - before.memory - moreMemory,
			"descriptors":         int64(after.descriptors - before.descriptors - moreDescriptors),
			"goroutines":          int64(after.goroutines - before.goroutines - moreGoroutines),
			"workers":             int64(after.workers - before.workers),
			"zombies":             int64(after.zombies),
			"bytes of the budget": after.budget,
		} {
			if surplus > 0 {
				more = append(more, fmt.Sprintf("%d %s too many", surplus, name))
			}
		}
		if len(more) > 0 {
			return fmt.Errorf("%s: before %v, after %v", strings.Join(more, ", "), before, after)
		}
		return nil
	})
	return after, err
}
