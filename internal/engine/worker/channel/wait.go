//go:build linux

package channel

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/futex"
)

// longRun is the duration from which a session's runs are waited for in Go's poller from
// the start. A futex costs half as much, but a goroutine that waits in the system call
// occupies a thread and, until Go's monitor thread takes it back, a P.
const longRun = 500 * time.Microsecond

// start makes a slot ready at its first use: the worker starts a thread for it.
//
// Answers to long waits arrive through a pipe, whose read end only the server has. The
// flags of an eventfd are the worker's too: it could make the server's reads and writes
// block.
func (s *Server) start(ctx context.Context, sl *slot) error {
	if sl.pipe.Load() != nil {
		return nil
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	err = s.notify(ctx, notice{kind: noticeStart, number: uint32(sl.index)}, write)
	if err := errors.Join(err, write.Close()); err != nil {
		return errors.Join(err, read.Close())
	}
	sl.pipe.Store(read)
	return nil
}

// submit publishes the request in the slot's area, and wakes its thread if it sleeps.
func (sl *slot) submit(length int) {
	sl.number = nextNumber(sl.number)
	sl.requestLength.Store(uint32(length))
	sl.request.Store(sl.number)
	if sl.sleeping.Load() != 0 {
		futex.Wake(&sl.request)
	}
}

// answered reports whether the worker answered the last request.
func (sl *slot) answered() bool { return sl.answer.Load() == sl.number }

// wait waits until the worker answered the slot's last request. It returns the error of
// ctx or of Fail.
func (s *Server) wait(ctx context.Context, sl *slot, long bool) error {
	// Beside other runs, goroutines that wait for this P run first: the answer is then often
	// there without a system call. For a single run the yield costs more than it saves.
	if !long && s.running.Load() > 1 {
		runtime.Gosched()
	}
	if !long && sl.waitFutex() {
		return nil
	}
	sl.waiting.Store(waitsPipe)
	defer sl.waiting.Store(waitsNot)
	stop := context.AfterFunc(ctx, sl.wake)
	defer stop()
	for {
		switch {
		case sl.answered():
			return nil
		case s.hasFailed():
			return s.err
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if err := sl.waitPipe(); err != nil && !sl.answered() {
			return s.waitDeath(ctx)
		}
	}
}

// waitPipe waits until the worker writes to the slot's pipe, or until wake. Bytes and
// deadlines of earlier runs may be left: the caller checks everything again.
func (sl *slot) waitPipe() error {
	pipe := sl.pipe.Load()
	var bytes [64]byte
	_, err := pipe.Read(bytes[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return pipe.SetReadDeadline(time.Time{})
	}
	return err
}

// waitDeath waits for Fail, after the worker's end of a pipe or the socket was closed: its
// process has ended.
func (s *Server) waitDeath(ctx context.Context) error {
	select {
	case <-s.failed:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waitFutex waits for at most longRun, and reports whether the worker answered. The
// context need not interrupt such a short wait.
func (sl *slot) waitFutex() bool {
	sl.waiting.Store(waitsFutex)
	var start time.Time
	for left := longRun; left > 0; {
		word := sl.answer.Load()
		if word == sl.number {
			sl.waiting.Store(waitsNot)
			return true
		}
		if start.IsZero() {
			start = time.Now()
		}
		if err := futex.Wait(&sl.answer, word, left); err != nil {
			break
		}
		left = longRun - time.Since(start)
	}
	return sl.answered()
}

// wake wakes the call that waits in waitPipe, without a system call on the pipe.
func (sl *slot) wake() {
	if pipe := sl.pipe.Load(); pipe != nil {
		_ = pipe.SetReadDeadline(time.Unix(1, 0)) // a closed pipe wakes too
	}
}

// notify sends a notice. It waits while the socket is full, which a worker that is stopped
// can cause.
func (s *Server) notify(ctx context.Context, n notice, file *os.File) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := send(s.socket, n, file)
		switch {
		case errors.Is(err, errBusy):
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET), errors.Is(err, os.ErrClosed):
			return s.waitDeath(ctx)
		default:
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.failed:
			err = s.err
		}
		timer.Stop()
		return err
	}
}
