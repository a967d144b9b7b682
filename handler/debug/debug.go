package debug

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

// Workers are the worker processes of the server.
type Workers interface {
	// List describes the workers.
	List() []worker.Info
	// Profile takes a profile of a worker. It is a worker.ErrNoWorker where no worker has
	// the process ID.
	Profile(ctx context.Context, pid int, name string, debug int, duration time.Duration) ([]byte, error)
}

// Options tune a Handler. The zero value has the defaults.
type Options struct {
	// Workers are listed and profiled. nil: the server has none.
	Workers Workers
	// Hosts are names in Host that are accepted besides localhost and IP addresses: in lower
	// case, without a port.
	Hosts []string
	// Draining ends CPU profiles when it is closed. nil: never.
	Draining <-chan struct{}
}

// Handler returns the handler of all paths below /debug/. It rejects requests of web pages.
func Handler(o Options) http.Handler {
	h := &handler{options: o}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/{profile}", h.serverProfile)
	mux.HandleFunc("GET /debug/workers", h.list)
	mux.HandleFunc("GET /debug/workers/{pid}/pprof/{profile}", h.workerProfile)
	return h.guard(mux)
}

type handler struct{ options Options }

// listed is a worker as JSON.
type listed struct {
	Name        string     `json:"name"`
	Role        string     `json:"role"`
	PID         int        `json:"pid"`
	State       string     `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Models      []string   `json:"models,omitempty"`
	MemoryBytes int64      `json:"memory_bytes"`
	Started     *time.Time `json:"started,omitempty"`
	Restarts    int        `json:"restarts"`
	LastDeath   string     `json:"last_death,omitempty"`
	Died        *time.Time `json:"died,omitempty"`
	LastOutput  string     `json:"last_output,omitempty"`
}

// list responds with the workers.
func (h *handler) list(w http.ResponseWriter, _ *http.Request) {
	list := []listed{}
	if h.options.Workers != nil {
		for _, info := range h.options.Workers.List() {
			list = append(list, describe(&info))
		}
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(list) // an error means that the client has left
}

func describe(info *worker.Info) listed {
	l := listed{
		Name: info.Name, PID: info.PID, Role: string(info.Role), State: "running", Reason: info.Cause, Models: info.Models,
		MemoryBytes: info.MemoryBytes, Restarts: info.Restarts, LastDeath: info.LastDeath, LastOutput: info.LastOutput,
	}
	if info.PID == 0 {
		l.State = "starting"
	}
	if !info.Started.IsZero() {
		l.Started = &info.Started
	}
	if !info.Died.IsZero() {
		l.Died = &info.Died
	}
	return l
}
