package worker

// place is a session in a host.
type place struct {
	// id is the model's ID in the current process; 0: it is not loaded there.
	id uint64
	// loaded reports that the model was loaded once, so that a new process loads it again.
	loaded bool
}

// failing returns why the host's sessions reject requests at present.
func (h *host) failing() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.downLocked(maxRestarts)
}

// join gives a session a place, if the host has fewer than limit. loaded: the next process
// loads it.
func (h *host) join(s *session, limit int, loaded bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.sessions) >= limit || h.outdated {
		return false
	}
	h.sessions[s] = place{loaded: loaded}
	return true
}

func (h *host) has(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.sessions[s]
	return ok
}

// remove ends a session's place and frees its model. It reports whether the host is empty.
func (h *host) remove(s *session) (empty bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, p := h.sessions[s], h.process
	delete(h.sessions, s)
	if p != nil && at.id != 0 && len(h.sessions) > 0 {
		h.unload(p, at.id)
	}
	return len(h.sessions) == 0
}

// unload frees a model in the background. A process that dies frees it too.
func (h *host) unload(p Process, id uint64) {
	go func() {
		if err := p.Unload(h.ctx, id); err != nil && !isDead(p) && h.ctx.Err() == nil {
			h.engine.options.Logger.Error("model could not be unloaded", "worker", h.spec.Name, "error", err)
		}
	}()
}

// loadedSessions returns the sessions that a new process loads.
func (h *host) loadedSessions() []*session {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*session
	for s, at := range h.sessions {
		if at.loaded {
			list = append(list, s)
		}
	}
	return list
}
