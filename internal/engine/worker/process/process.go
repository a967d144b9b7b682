package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/sandbox"
)

// errKilled is the reason of a Kill without one.
var errKilled = errors.New("killed by the server")

// Process is a running worker. Its methods are safe for concurrent use.
type Process struct {
	options Options
	program *launched
	conn    *control.Conn
	data    *channel.Server
	output  *output
	ready   control.Ready

	// mu covers the fields below.
	mu     sync.Mutex
	cause  error // of the first Kill or Stop
	reaped bool  // the process ID may belong to another process
	lastID uint64
	calls  map[uint64]*call // requests without a response

	outputDone chan struct{} // closed when all output has been read
	deaf       chan struct{} // closed when no more responses are read
	death      *Death        // set before done is closed
	done       chan struct{}
}

// Info describes a worker that has started.
type Info struct {
	// Runtime is the version of the engine's runtime.
	Runtime string
	// Sandbox says which restrictions the kernel applies.
	Sandbox sandbox.Report
}

// Start starts a worker and returns after the handshake. ctx bounds the start only. The
// caller ends the worker with Stop or Kill.
//
// A program that is no worker is an ErrNotWorker, one of another version an ErrVersion.
func Start(ctx context.Context, o Options) (*Process, error) {
	o = o.withDefaults()
	p := &Process{options: o, calls: map[uint64]*call{}, outputDone: make(chan struct{}), deaf: make(chan struct{}), done: make(chan struct{})}
	o.Channel.Broken = p.Kill
	var err error
	if p.data, err = channel.Listen(o.Slots, o.Channel); err != nil {
		return nil, err
	}
	files := p.data.Files()
	p.program, err = launch(&o, files)
	for _, file := range files {
		_ = file.Close() // the worker has its own; an error changes nothing
	}
	if err != nil {
		p.data.Fail(err)
		return nil, err
	}
	p.conn = control.NewConn(p.program.control)
	p.output = &output{log: o.Logger.With("pid", p.PID())}
	go func() { p.output.read(p.program.output); close(p.outputDone) }()
	go p.reap()
	if err := p.handshake(ctx, len(files)); err != nil {
		p.Kill(err)
		<-p.done
		return nil, p.explain(err)
	}
	go p.receive()   //nolint:contextcheck // ctx bounds the start, and receive ends with the process
	go p.watchLife() //nolint:contextcheck // as receive
	if o.MemoryLimit > 0 {
		go p.watchMemory()
	}
	o.Logger.Info("a worker has started", "pid", p.PID(), "runtime", p.ready.Runtime, "landlock", p.ready.Sandbox.Landlock, "seccomp", p.ready.Sandbox.Seccomp)
	return p, nil
}

// Info describes the worker.
func (p *Process) Info() Info { return Info{Runtime: p.ready.Runtime, Sandbox: p.ready.Sandbox} }

// PID returns the process ID.
func (p *Process) PID() int { return p.program.pid() }

// Run runs the session of a Load; see channel.Server.Run. When the worker dies, the error
// is the *Death.
func (p *Process) Run(ctx context.Context, id uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	return p.data.Run(ctx, id, inputs)
}

// RunGroup runs the session on several requests; see channel.Server.RunGroup. When the worker
// dies, the error is the *Death.
func (p *Process) RunGroup(ctx context.Context, id uint64, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	return p.data.RunGroup(ctx, id, requests)
}

// Running returns the number of runs in the worker; see channel.Server.Running.
func (p *Process) Running() int { return p.data.Running() }

// Done is closed when the process has ended and was reaped, and all its calls have failed.
func (p *Process) Done() <-chan struct{} { return p.done }

// Death returns how the worker ended; nil before Done is closed.
func (p *Process) Death() *Death {
	select {
	case <-p.done:
		return p.death
	default:
		return nil
	}
}

// Kill ends the worker at once with SIGKILL to its process group, and does not wait. The
// first reason is the Cause of its Death.
func (p *Process) Kill(reason error) {
	if reason == nil {
		reason = errKilled
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	if p.cause == nil {
		p.cause = reason
	}
	p.program.kill()
}

// Stop ends the worker, which does not wait for its runs, and waits for Done. A worker
// that has not ended when ctx is done is killed.
func (p *Process) Stop(ctx context.Context) {
	p.mu.Lock()
	if p.cause == nil {
		p.cause = ErrStopped
	}
	p.mu.Unlock()
	_ = p.program.alive.Close() // an error means that it is closed
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill(ErrStopped)
		<-p.done
	}
}

// lastOutput bounds the wait for output after the process has ended. It is reached when
// something else has its descriptors: without a sandbox, native code can start programs.
const lastOutput = time.Second

// reap waits for the end of the process, and ends everything of it.
func (p *Process) reap() {
	p.program.waitExit()
	p.mu.Lock()
	p.program.kill() // what the process has started
	state := p.program.reap()
	p.reaped = true
	cause := p.cause
	p.mu.Unlock()
	_ = p.program.output.SetReadDeadline(time.Now().Add(lastOutput)) // a pipe has deadlines
	<-p.outputDone
	p.death = newDeath(state, p.PID(), cause, p.output)
	p.death.log(p.options.Logger)
	p.program.close()
	p.data.Fail(p.death)
	close(p.done)
}

// receive delivers the responses of the worker until its socket closes, and then kills a worker
// that does not exit.
func (p *Process) receive() {
	if err := p.deliverAll(); err != nil {
		p.awaitExit(err)
	}
}

// deliverAll delivers responses until the socket closes, whose error it returns, or until the
// worker breaks the protocol, and is killed.
func (p *Process) deliverAll() error {
	defer close(p.deaf)
	for {
		var response control.Response
		err := p.conn.Read(&response)
		if err == nil {
			err = p.deliver(response)
		}
		switch {
		case err == nil:
		case errors.Is(err, control.ErrFrame), errors.Is(err, channel.ErrProtocol):
			p.Kill(fmt.Errorf("%w: %w", channel.ErrProtocol, err))
			return nil
		default: // the socket is closed, at the latest by reap
			return err
		}
	}
}

// exitGrace is how long a worker may live after it has closed its control socket. The
// kernel closes it when the process ends, a moment before that is reported.
const exitGrace = 5 * time.Second

// awaitExit kills a worker that lives without its control socket.
func (p *Process) awaitExit(err error) {
	select {
	case <-p.done:
	case <-time.After(exitGrace):
		if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
			err = fmt.Errorf("%w: the control socket: %w", channel.ErrProtocol, err)
		} else {
			err = fmt.Errorf("%w: it closed the control socket", channel.ErrProtocol)
		}
		p.Kill(err)
	}
}
