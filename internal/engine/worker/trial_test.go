package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// suspectBound is how long an endless suspect keeps a process that others wait for: the time of
// a suspect, and that for the runtime to end it. Once others wait, a second may pass until that
// is seen.
const suspectBound = 13 * time.Second

// from returns the context of a suspect of a peer.
func from(t *testing.T, peer string) context.Context {
	t.Helper()
	return engine.AsSuspect(telemetry.WithRequest(t.Context(), &telemetry.Request{Peer: netip.MustParseAddr(peer)}))
}

const (
	hostilePeer = "192.0.2.1"
	honestPeer  = "192.0.2.2"
)

// suspects runs endless suspects of the hostile peer, n of each session.
type suspects struct {
	sync.WaitGroup
	cancel context.CancelFunc
}

func endless(t *testing.T, n int, sessions ...engine.Session) *suspects {
	t.Helper()
	ctx, cancel := context.WithCancel(from(t, hostilePeer))
	all := &suspects{cancel: cancel}
	for range n {
		for _, s := range sessions {
			all.Go(func() {
				if _, err := s.Run(ctx, input(spin)); !errors.Is(err, engine.ErrTimeLimit) && !errors.Is(err, context.Canceled) {
					t.Errorf("an endless suspect: %v", err)
				}
			})
		}
	}
	synctest.Wait()
	return all
}

// end ends them: a kernel that does not end has its process killed.
func (s *suspects) end(f *farm) {
	s.cancel()
	synctest.Wait()
	for _, p := range f.alive() {
		p.Kill(engine.ErrTimeLimit)
	}
	s.Wait()
}

// echoes runs suspects that end at once, and returns how long the last of them took.
func echoes(ctx context.Context, t *testing.T, sessions ...engine.Session) time.Duration {
	t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for _, s := range sessions {
		all.Go(func() {
			if _, err := s.Run(ctx, input(echo)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return time.Since(began)
}

// Suspects that do not end leave the processes to those of other models, also of the same peer.
func TestEndlessSuspectsLeaveProcessesToOtherModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 2})
		a, b, c := load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{}), load(t, e, "c", 10, engine.LoadOptions{})
		all := endless(t, 20, a, b)
		if took := echoes(from(t, hostilePeer), t, c); took > suspectBound {
			t.Errorf("a suspect of another model waited for %v", took)
		}
		if n := e.Stats().Blamed; n != 0 {
			t.Errorf("%d suspects are blamed because others waited", n)
		}
		all.end(f)
	})
}

// The peers of a model take turns.
func TestSuspectsOfPeersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 2})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		all := endless(t, 50, s)
		if took := echoes(from(t, honestPeer), t, s); took > suspectBound {
			t.Errorf("the suspect of another peer waited for %v", took)
		}
		if took := echoes(from(t, honestPeer), t, s, s, s); took > 3*suspectBound {
			t.Errorf("three suspects of another peer waited for %v", took)
		}
		all.end(f)
	})
}

// A peer has no more turns because it uses many models.
func TestManyModelsOfOnePeerAreOneShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 2})
		var sessions []engine.Session
		for i := range 20 {
			sessions = append(sessions, load(t, e, fmt.Sprintf("m%d", i), 10, engine.LoadOptions{}))
		}
		all := endless(t, 2, sessions...)
		if took := echoes(from(t, honestPeer), t, load(t, e, "honest", 10, engine.LoadOptions{}), sessions[7], sessions[19]); took > 3*suspectBound {
			t.Errorf("suspects of another peer waited for %v", took)
		}
		all.end(f)
	})
}

// A suspect for which nobody waits has the time of all runs.
func TestALongSuspectRunsToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 1, RunTimeout: time.Hour})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		time.AfterFunc(30*time.Minute, func() { close(f.release) })
		if _, err := s.Run(from(t, honestPeer), input(wait)); err != nil {
			t.Error(err)
		}
	})
}

// Callers that leave while they wait leave nothing, and sessions close while others run.
func TestSuspectsLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 1, RunTimeout: time.Hour})
		a, b := load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{})
		running := make(chan error)
		go func() {
			_, err := a.Run(from(t, hostilePeer), input(wait))
			running <- err
		}()
		synctest.Wait()
		for range 100 {
			ctx, cancel := context.WithTimeout(from(t, honestPeer), time.Millisecond)
			if _, err := b.Run(ctx, input(echo)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a suspect without a process: %v", err)
			}
			cancel()
		}
		if err := b.Close(); err != nil { // it has no process, and waits for none
			t.Error(err)
		}
		close(f.release)
		if err := <-running; err != nil {
			t.Error(err)
		}
		if n := len(f.alive()); n != 2 {
			t.Errorf("%d workers, want a pool and one for suspects", n)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}
