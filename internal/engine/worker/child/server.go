package child

import (
	"context"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"sync"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// server answers the requests of the control socket, each in a goroutine of its own, and
// runs the sessions that they load.
type server struct {
	conn   *control.Conn
	loader Loader
	// memory counts what large runs use.
	memory *admission.Budget

	mu       sync.RWMutex
	sessions map[uint64]engine.Session     // by the ID of their load
	loads    map[uint64]context.CancelFunc // of loads that have not been answered
}

func newServer(conn *control.Conn, loader Loader) *server {
	memory := admission.New(0)
	admission.ReturnMemory(memory) // until the process ends
	return &server{conn: conn, loader: loader, memory: memory, sessions: map[uint64]engine.Session{}, loads: map[uint64]context.CancelFunc{}}
}

// serve reads requests until the server closes the socket.
func (s *server) serve() error {
	for {
		var request control.Request
		if err := s.conn.Read(&request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		s.handle(request)
	}
}

// handle starts to serve a request. A Cancel finds every load that was read before it.
func (s *server) handle(request control.Request) {
	switch {
	case request.Load != nil:
		ctx, cancel := context.WithCancel(context.Background())
		s.mu.Lock()
		s.loads[request.ID] = cancel
		s.mu.Unlock()
		go s.load(ctx, request.ID, request.Load)
	case request.Unload != nil:
		go s.unload(request.ID, request.Unload.Session)
	case request.Profile != nil:
		go s.profile(request.ID, request.Profile)
	case request.Ping != nil:
		go s.answer(control.Response{ID: request.ID}) // the server may not read at once
	case request.Share != nil:
		setShare(request.Share)
		go s.answer(control.Response{ID: request.ID})
	case request.Cancel != nil:
		s.mu.RLock()
		cancel := s.loads[request.Cancel.Request]
		s.mu.RUnlock()
		if cancel != nil {
			cancel()
		}
	}
}

// setShare sets Go's limits. GOMAXPROCS is set only where it differs, since that stops all
// goroutines for a moment.
func setShare(share *control.Share) {
	if share.MaxProcs > 0 && share.MaxProcs != runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(share.MaxProcs)
	}
	if share.GoMemoryLimit > 0 {
		debug.SetMemoryLimit(share.GoMemoryLimit)
	}
}

// answer writes a response. A write fails only when the server is gone, and then the
// process ends.
func (s *server) answer(response control.Response) { _ = s.conn.Write(response) }

// finish answers a request with an error; nil is success without a result.
func (s *server) finish(id uint64, err error) {
	code, text := errcode.Of(err)
	s.answer(control.Response{ID: id, Code: code, Text: text})
}

func (s *server) load(ctx context.Context, id uint64, load *control.Load) {
	session, err := s.loader.Load(ctx, load.Platform, load.Path, load.Options)
	s.mu.Lock()
	s.loads[id]() // frees the context; a load that was canceled may still have succeeded
	delete(s.loads, id)
	if err == nil {
		s.sessions[id] = session
	}
	s.mu.Unlock()
	if err != nil {
		s.finish(id, err)
		return
	}
	s.answer(control.Response{ID: id, Signature: session.Signature()})
}

// unload closes a session, which waits for its runs.
func (s *server) unload(id, sessionID uint64) {
	s.mu.Lock()
	session := s.sessions[sessionID]
	delete(s.sessions, sessionID)
	s.mu.Unlock()
	if session == nil {
		s.finish(id, engine.ErrClosed)
		return
	}
	s.finish(id, session.Close())
}

// run executes a run of the channel.
func (s *server) run(ctx context.Context, id uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	s.mu.RLock()
	session := s.sessions[id]
	s.mu.RUnlock()
	if session == nil {
		return nil, engine.ErrClosed
	}
	result, err := session.Run(ctx, inputs)
	if err == nil {
		s.ran(result)
	}
	return result, err
}

// largeOutputs is the size of outputs, in bytes, from which their memory is returned. Others are
// collected in the course of later runs.
const largeOutputs = 32 << 20

// ran makes the memory of a large run return to the system some time after it. The runtime's
// outputs are on Go's heap, which an idle process does not collect for minutes.
func (s *server) ran(result *engine.Result) {
	bytes := int64(0)
	for i := range result.Outputs {
		bytes += int64(len(result.Outputs[i].Data))
	}
	if bytes >= largeOutputs && s.memory.TryReserve(bytes) {
		s.memory.Release(bytes)
	}
}
