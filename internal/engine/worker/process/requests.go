package process

import (
	"context"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// LoadRequest names a model to load.
type LoadRequest struct {
	// Platform is the name of an engine.Platform.
	Platform string
	// Path is the absolute path of the model's file. The worker must be able to read it,
	// and the files that it refers to: see Options.ReadPaths.
	Path    string
	Options engine.LoadOptions
}

// Loaded is a model in a worker.
type Loaded struct {
	// ID is the session for Run and Unload.
	ID        uint64
	Signature *engine.Signature
}

// call is a request without a response.
type call struct {
	load     bool
	response chan control.Response // has room for one
	// abandoned is set when the caller has left. The session that a Load may still return
	// is unloaded.
	abandoned bool
}

// Load loads a model. Errors keep their sentinel of package engine. When ctx is done, Load
// returns its error and the worker unloads the model once the load has finished, which
// native code does not interrupt; the caller decides whether to kill the worker. When the
// worker dies, the error is the *Death.
func (p *Process) Load(ctx context.Context, request LoadRequest) (Loaded, error) {
	message := control.Load{Platform: request.Platform, Path: request.Path, Options: request.Options}
	id, response, err := p.call(ctx, control.Request{Load: &message})
	if err != nil {
		return Loaded{}, err
	}
	if limit := request.Options.MaxOutputBytes; limit > 0 {
		p.data.LimitOutputs(id, atMost(limit, len(response.Signature.Outputs)))
	}
	return Loaded{ID: id, Signature: response.Signature}, nil
}

// maxOutputs bounds the size that a worker may ask for the outputs of one run.
const maxOutputs = 1 << 40

// atMost returns the most that n outputs have together, each with at most limit bytes.
func atMost(limit int64, n int) int64 {
	if n > 0 && limit > maxOutputs/int64(n) {
		return maxOutputs
	}
	return limit * int64(max(n, 1))
}

// Unload closes a session after its runs. When ctx is done it returns ctx's error, and the
// worker still closes the session.
func (p *Process) Unload(ctx context.Context, id uint64) error {
	_, _, err := p.call(ctx, control.Request{Unload: &control.Unload{Session: id}})
	p.data.Forget(id)
	return err
}

// MaxProfile is the maximum duration of a CPU profile.
const MaxProfile = 5 * time.Minute

// Profile takes a profile of the worker's Go code: "cpu" for duration, which is at most
// MaxProfile, or one of runtime/pprof, for which debug is as for pprof.Profile.WriteTo:
// "goroutine" with debug 2 has the stacks. The bytes come from the worker, unchecked.
func (p *Process) Profile(ctx context.Context, name string, debug int, duration time.Duration) ([]byte, error) {
	message := control.Profile{Name: name, Debug: debug, Duration: min(duration, MaxProfile)}
	_, response, err := p.call(ctx, control.Request{Profile: &message})
	return response.Profile, err
}

// call sends a request and waits for its response.
func (p *Process) call(ctx context.Context, request control.Request) (uint64, control.Response, error) {
	if err := ctx.Err(); err != nil {
		return 0, control.Response{}, err
	}
	c := &call{load: request.Load != nil, response: make(chan control.Response, 1)}
	p.mu.Lock()
	p.lastID++
	request.ID = p.lastID
	p.calls[request.ID] = c
	p.mu.Unlock()
	p.send(request)
	select {
	case response := <-c.response:
		return request.ID, response, errcode.Error(response.Code, response.Text)
	case <-ctx.Done():
		p.abandon(request.ID, c) //nolint:contextcheck // ctx is done, and the model is unloaded nevertheless
		return 0, control.Response{}, ctx.Err()
	case <-p.done:
		return 0, control.Response{}, p.death
	}
}

// send writes a request. A worker that does not read is killed.
func (p *Process) send(request control.Request) {
	if err := p.conn.Write(request); err != nil {
		go p.awaitExit(err)
	}
}

// abandon leaves a call.
func (p *Process) abandon(id uint64, c *call) {
	p.mu.Lock()
	c.abandoned = true
	p.mu.Unlock()
	if !c.load {
		return
	}
	select {
	case response := <-c.response: // delivered before
		p.discard(id, response)
	default:
		p.send(control.Request{Cancel: &control.Cancel{Request: id}})
	}
}

// deliver passes a response to its call. A response that a worker of ours never writes is
// a channel.ErrProtocol.
func (p *Process) deliver(response control.Response) error {
	if !response.Code.Valid() {
		return fmt.Errorf("%w: error code %d", channel.ErrProtocol, response.Code)
	}
	p.mu.Lock()
	c := p.calls[response.ID]
	delete(p.calls, response.ID)
	p.mu.Unlock()
	switch {
	case c == nil:
		return fmt.Errorf("%w: a response to request %d, which was not made", channel.ErrProtocol, response.ID)
	case c.load && response.Code == 0:
		if err := checkSignature(response.Signature); err != nil {
			return fmt.Errorf("%w: %w", channel.ErrProtocol, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.abandoned {
		c.response <- response // with mu held, so that abandon finds it
	} else if c.load {
		p.discard(response.ID, response)
	}
	return nil
}

// discard unloads the model of a Load whose caller has left.
func (p *Process) discard(id uint64, response control.Response) {
	if response.Code != 0 {
		return
	}
	go func() {
		// An error means that the worker has died.
		_ = p.Unload(context.Background(), id)
	}()
}
