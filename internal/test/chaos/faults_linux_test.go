package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// fault disturbs the server. An error is one of the test, not of the server.
type fault struct {
	name string
	do   func(ctx context.Context, r *rand.Rand) error
}

// errNoVictim reports that there was nothing to disturb.
var errNoVictim = errors.New("nothing to disturb")

// chaos causes faults.
type chaos struct {
	server  *server
	healthy []model
	crowd   *crowd

	mu       sync.Mutex
	versions map[string]int // the newest of each healthy model
	odd      int            // so many broken models were added
	counts   map[string]int
	due      []fault  // those that must come before others are drawn
	failures []string // of the test itself
	busy     sync.WaitGroup
}

// faults returns the faults that this system can cause.
func (c *chaos) faults() []fault {
	list := []fault{
		{"worker: SIGKILL", c.kill},
		{"worker: SIGSEGV", func(_ context.Context, r *rand.Rand) error { return c.signal(r, syscall.SIGSEGV) }},
		{"worker: SIGABRT", func(_ context.Context, r *rand.Rand) error { return c.signal(r, syscall.SIGABRT) }},
		{"worker: SIGSTOP, SIGCONT", c.pause},
		{"model replaced", c.replace},
		{"broken model added", c.addBroken},
		{"broken version added", c.addBrokenVersion},
		{"crashing request", func(ctx context.Context, r *rand.Rand) error { return c.crowd.crash(ctx, r) }},
		{"request beyond the memory limit", func(ctx context.Context, r *rand.Rand) error { return c.crowd.allocate(ctx, r) }},
		{"clients left", func(ctx context.Context, r *rand.Rand) error { return c.crowd.leave(ctx, r) }},
		{"half a request", c.half},
	}
	if c.server.private {
		list = append(list, fault{"disk full", c.fill})
	}
	return list
}

// run causes a fault about every interval until ctx is done, each kind once before any is
// drawn again, so that a short run has all of them. Faults overlap.
func (c *chaos) run(ctx context.Context, list []fault, seed uint64, interval time.Duration) {
	r := rand.New(rand.NewPCG(seed, 1<<33))
	c.due = slices.Clone(list)
	r.Shuffle(len(c.due), func(i, j int) { c.due[i], c.due[j] = c.due[j], c.due[i] })
	for ctx.Err() == nil {
		f := c.next(r, list)
		own := rand.New(rand.NewPCG(seed, r.Uint64()))
		c.busy.Go(func() { c.record(f, f.do(ctx, own)) })
		select {
		case <-ctx.Done():
		case <-time.After(interval/2 + rand.N(interval)):
		}
	}
	c.busy.Wait()
}

// next returns the next fault: one that is due, else any.
func (c *chaos) next(r *rand.Rand, list []fault) fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) == 0 {
		return list[r.IntN(len(list))]
	}
	f := c.due[0]
	c.due = c.due[1:]
	return f
}

// record counts a fault. The first of its kind is due again if it found no target.
func (c *chaos) record(f fault, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.counts[f.name]++
	case errors.Is(err, errNoVictim), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ENOSPC):
		// The time of the traffic is over, or the disk is full, which is a fault of its own.
		if c.counts[f.name] == 0 {
			c.due = append(c.due, f)
		}
	default:
		c.failures = append(c.failures, fmt.Sprintf("%s: %v", f.name, err))
	}
}

// kill kills any worker.
func (c *chaos) kill(_ context.Context, r *rand.Rand) error {
	list := children(c.server.pid)
	if len(list) == 0 {
		return errNoVictim
	}
	return victim(signalChild(c.server.pid, list[r.IntN(len(list))].pid, syscall.SIGKILL))
}

// victim returns errNoVictim for a process that has ended meanwhile.
func victim(err error) error {
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, os.ErrNotExist) {
		return errNoVictim
	}
	return err
}

// serving returns a worker that serves. A fault of one that runs a request alone is what the
// request's own fault looks like, and is blamed on it.
func (c *chaos) serving(r *rand.Rand) (pid int, err error) {
	known := c.server.serving()
	var list []int
	for _, p := range children(c.server.pid) {
		if known[p.pid] && !p.zombie {
			list = append(list, p.pid)
		}
	}
	if len(list) == 0 {
		return 0, errNoVictim
	}
	return list[r.IntN(len(list))], nil
}

// signal sends the signal of a fault to a worker that serves.
func (c *chaos) signal(r *rand.Rand, signal syscall.Signal) error {
	pid, err := c.serving(r)
	if err != nil {
		return err
	}
	return victim(signalChild(c.server.pid, pid, signal))
}

// pause stops a worker for up to two seconds.
func (c *chaos) pause(ctx context.Context, r *rand.Rand) error {
	pid, err := c.serving(r)
	if err != nil {
		return err
	}
	if err := signalChild(c.server.pid, pid, syscall.SIGSTOP); err != nil {
		return victim(err)
	}
	wait(ctx, time.Duration(r.Int64N(int64(2*time.Second))))
	return victim(signalChild(c.server.pid, pid, syscall.SIGCONT))
}

// wait waits, but not longer than ctx.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// replace publishes a new version of a model, with the same answers, and removes those before
// it when it is ready.
func (c *chaos) replace(ctx context.Context, r *rand.Rand) error {
	m := c.healthy[r.IntN(len(c.healthy))]
	c.mu.Lock()
	next := c.versions[m.name] + 1
	err := m.write(c.server.repository, next)
	if err == nil {
		c.versions[m.name] = next
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	path := fmt.Sprintf("/v2/models/%s/versions/%d/ready", m.name, next)
	ready := false
	for !ready && ctx.Err() == nil && c.newest(m) == next {
		wait(ctx, time.Second)
		status, _, err := c.server.get(path)
		if err != nil {
			return err
		}
		ready = status == http.StatusOK
	}
	if !ready {
		next = 0 // the versions before it serve
	}
	for version := range next {
		if err := os.RemoveAll(filepath.Join(c.server.repository, m.name, strconv.Itoa(version))); err != nil {
			return err
		}
	}
	return nil
}

// newest returns the newest version of a model that was written.
func (c *chaos) newest(m model) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.versions[m.name]
}

// half sends a part of a request and leaves.
func (c *chaos) half(ctx context.Context, _ *rand.Rand) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(badPeer(0))}}
	connection, err := dialer.DialContext(ctx, "tcp", c.server.address)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.WriteString(connection, "POST /v2/models/negate/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{\"inputs\":[")
	return err
}

// fill fills the private tmpfs for a while, and tries to replace a model meanwhile.
func (c *chaos) fill(ctx context.Context, r *rand.Rand) error {
	path := filepath.Join(c.server.repository, ".fill")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return errNoVictim // it is being filled
	}
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer file.Close()
	for block := make([]byte, 1<<20); err == nil; {
		_, err = file.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	m := c.healthy[r.IntN(len(c.healthy))]
	c.mu.Lock()
	err = m.write(c.server.repository, c.versions[m.name]+1)
	if err == nil {
		c.versions[m.name]++ // it fitted
	}
	c.mu.Unlock()
	wait(ctx, time.Second)
	if errors.Is(err, syscall.ENOSPC) {
		err = nil
	}
	return err
}
