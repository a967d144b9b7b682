package worker

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// mayShare reports whether a model may run in a worker together with others. One with its
// own limit of memory has its own worker.
func (e *Engine) mayShare(request process.LoadRequest) bool {
	path := request.Path
	e.mu.Lock()
	_, alone := e.alone[path]
	e.mu.Unlock()
	if alone || request.Options.MemoryLimit > 0 || !isBelow(path, e.options.Root) {
		return false
	}
	limit := e.options.SmallModelBytes
	if e.options.Isolation == Shared {
		limit = math.MaxInt64
	}
	return isSmall(filepath.Dir(path), limit)
}

// isBelow reports whether a file is below root, which is where a shared worker can read, when
// symbolic links are resolved.
func isBelow(path, root string) bool {
	path, err := process.Resolve(path)
	if err != nil {
		return false
	}
	if root, err = process.Resolve(root); err != nil {
		return false
	}
	below, err := filepath.Rel(root, path)
	return err == nil && filepath.IsLocal(below)
}

// separate keeps a model out of workers with others, for as long as the engine exists.
func (e *Engine) separate(path string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alone[path] = struct{}{}
}

// isSmall reports whether the files below dir have fewer bytes than limit together, and are
// not links to elsewhere. A model's external data is in its directory.
func isSmall(dir string, limit int64) bool {
	left := limit
	err := fs.WalkDir(os.DirFS(dir), ".", func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			left = 0
		}
		if left -= info.Size(); left <= 0 {
			return fs.SkipAll
		}
		return nil
	})
	return err == nil && left > 0
}

// place returns a host for a session, which has a place in it from now on. alone: no other
// session has one there.
func (e *Engine) place(s *session, alone bool) (*host, error) {
	shares := !alone && e.mayShare(s.request)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errClosed
	}
	if shares {
		for h := range e.hosts {
			if h.pool && h.join(s, e.poolLimit(), false) {
				return h, nil
			}
		}
	}
	return e.newHostLocked(shares, false, s), nil
}

func (e *Engine) poolLimit() int {
	if e.options.Isolation == Shared {
		return int(^uint(0) >> 1)
	}
	return e.options.PoolModels
}

// newHostLocked starts a host with sessions. loaded: its first process loads them.
func (e *Engine) newHostLocked(pool, loaded bool, sessions ...*session) *host {
	spec := sessions[0].spec()
	if pool {
		e.pools++
		spec = Spec{Name: fmt.Sprintf("pool %d", e.pools), Role: Serves}
	}
	h := newHost(e, spec, pool)
	for _, s := range sessions {
		h.join(s, len(sessions), loaded)
	}
	e.hosts[h] = struct{}{}
	e.supervising.Go(h.supervise)
	return h
}

// leave ends a session's place in its host, and ends a host without sessions.
func (e *Engine) leave(s *session) {
	e.mu.Lock()
	h := s.host.Load()
	empty := h.remove(s)
	if empty {
		delete(e.hosts, h)
	}
	e.mu.Unlock()
	if empty {
		h.close()
	}
}

// move gives sessions of a pool a new host: a worker of its own for a single one, else
// another pool. Until the new host runs, their requests wait. The others stay.
func (e *Engine) move(sessions []*session, from *host) {
	e.mu.Lock()
	defer e.mu.Unlock()
	sessions = slices.DeleteFunc(sessions, func(s *session) bool { return !from.has(s) })
	if e.closed || len(sessions) == 0 {
		return
	}
	to := e.newHostLocked(len(sessions) > 1, true, sessions...)
	for _, s := range sessions {
		s.host.Store(to)
		if from.remove(s) {
			delete(e.hosts, from)
			from.cancel()
		}
	}
}

// split gives half of a pool's sessions another pool: the pool died, and nothing says of
// which model.
func (e *Engine) split(h *host) {
	if list := h.loadedSessions(); len(list) > 1 {
		e.move(list[:len(list)/2], h)
	}
}
