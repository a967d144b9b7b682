package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

var (
	// ErrNotWorker reports that a program does not become a worker.
	ErrNotWorker = errors.New("the program is not a worker")
	// ErrVersion reports a worker that is not the same version as the server.
	ErrVersion = errors.New("the worker has another version")
)

// handshake configures the worker and waits until it is ready.
func (p *Process) handshake(ctx context.Context, channelFiles int) error {
	var hello control.Hello
	switch err := p.await(ctx, p.options.HelloTimeout, &hello); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: it did not answer within %v", ErrNotWorker, p.options.HelloTimeout)
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("%w: %w", ErrNotWorker, err)
	case err != nil:
		return err
	}
	if version := control.Version(); hello.Protocol != control.Protocol || hello.Version != version {
		return fmt.Errorf("%w: it has version %q and protocol %d, the server has %q and %d", ErrVersion, bounded(hello.Version), hello.Protocol, version, control.Protocol)
	}
	setup := control.Setup{
		Library: p.options.Library, IntraOpThreads: p.options.IntraOpThreads, InterOpThreads: p.options.InterOpThreads,
		ReadPaths: p.options.ReadPaths, DataLimit: p.options.dataLimit(), ChannelFiles: channelFiles,
	}
	if err := p.conn.Write(setup); err != nil {
		return fmt.Errorf("configure the worker: %w", err)
	}
	switch err := p.await(ctx, p.options.ReadyTimeout, &p.ready); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the worker was not ready within %v", p.options.ReadyTimeout)
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("the worker ended before it was ready: %w", err)
	case err != nil:
		return err
	}
	if !p.ready.Code.Valid() {
		return fmt.Errorf("%w: error code %d", channel.ErrProtocol, p.ready.Code)
	}
	if err := errcode.Error(p.ready.Code, p.ready.Text); err != nil {
		return fmt.Errorf("the worker cannot start: %w", err)
	}
	p.ready.Runtime = bounded(p.ready.Runtime)
	return p.conn.SetReadDeadline(time.Time{})
}

// await reads a message within a time. When ctx is done, it returns ctx's error.
func (p *Process) await(ctx context.Context, timeout time.Duration, message any) error {
	if err := p.conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetReadDeadline(time.Now()) }) // Read then reports what is wrong
	defer stop()
	err := p.conn.Read(message)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// explain adds to an error of the handshake what to do, and what the program wrote. The
// process has ended.
func (p *Process) explain(err error) error {
	path := p.options.Path
	if resolved, failed := os.Readlink(path); failed == nil && path == "/proc/self/exe" {
		path = resolved
	}
	switch {
	case errors.Is(err, ErrNotWorker):
		err = fmt.Errorf("start the worker %s: %w: call tensorwire.RunWorker first thing in its main, or set WorkerPath to the program tensorwire", path, err)
	case errors.Is(err, ErrVersion):
		err = fmt.Errorf("start the worker %s: %w: use the program of the server's version", path, err)
	default:
		err = fmt.Errorf("start the worker %s: %w", path, err)
	}
	if text := lastLines(p.death.Output); text != "" {
		err = fmt.Errorf("%w; its output: %s", err, text)
	}
	return err
}

// lastLines returns the end of a worker's output, short enough for an error.
func lastLines(text string) string {
	const limit = 512
	text = strings.TrimSpace(text)
	if len(text) > limit {
		text = "..." + strings.ToValidUTF8(text[len(text)-limit:], "")
	}
	return text
}

// bounded returns a text of a worker for errors and logs.
func bounded(text string) string {
	const limit = 128
	return strings.ToValidUTF8(text[:min(len(text), limit)], "\uFFFD")
}
