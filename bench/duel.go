package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/process"
)

// warmUp is how long each server is called before it is measured.
const warmUp = 300 * time.Millisecond

// caller is a client of one server: do makes one request for the caller of that number.
type caller struct {
	do    func(ctx context.Context, caller int) error
	close func() error
}

// outcome is what was seen of one server.
type outcome struct {
	load.Sample
	// peak is the most memory that the server had, in bytes; 0 when unknown.
	peak int64
}

// entrant is a contender that runs.
type entrant struct {
	contender
	server *process.Process
	client *caller
	rounds []load.Sample
}

// duel starts the contenders, and measures them in turns with as many callers each. It
// returns what was seen of each, in their order.
func (b *bench) duel(ctx context.Context, contenders []contender, callers int, connect func(contender, string) (*caller, error)) (_ []outcome, err error) {
	var entrants []*entrant
	defer func() {
		for _, e := range entrants {
			err = errors.Join(err, e.end())
		}
	}()
	for _, c := range contenders {
		e := &entrant{contender: c}
		entrants = append(entrants, e)
		if err := e.begin(ctx, b, callers, connect); err != nil {
			return nil, err
		}
	}
	for round := range b.rounds {
		for i := range entrants {
			if round%2 == 1 { // so that none always follows the other
				i = len(entrants) - 1 - i
			}
			if err := entrants[i].measure(ctx, b, callers); err != nil {
				return nil, err
			}
		}
	}
	outcomes := make([]outcome, len(entrants))
	for i, e := range entrants {
		_, peak, err := e.server.Memory()
		if err != nil {
			return nil, err
		}
		outcomes[i] = outcome{Sample: load.Medians(e.rounds), peak: peak}
	}
	return outcomes, nil
}

// begin starts the server, and calls it until it is warm.
func (e *entrant) begin(ctx context.Context, b *bench, callers int, connect func(contender, string) (*caller, error)) error {
	var err error
	if e.server, err = e.start(ctx, b); err != nil {
		return err
	}
	if e.client, err = connect(e.contender, e.server.Base); err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	if _, err := (load.Load{Callers: callers, Duration: min(warmUp, b.duration)}).Run(ctx, e.client.do); err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	return nil
}

// measure adds a round.
func (e *entrant) measure(ctx context.Context, b *bench, callers int) error {
	s, err := load.Load{Callers: callers, Duration: b.duration, Server: e.server}.Run(ctx, e.client.do)
	if err != nil {
		return fmt.Errorf("%s: %w", e.name, err)
	}
	e.rounds = append(e.rounds, s)
	return nil
}

func (e *entrant) end() error {
	var err error
	if e.client != nil {
		err = e.client.close()
	}
	return errors.Join(err, e.server.Stop())
}
