package debug

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const (
	// defaultSeconds is the duration of a CPU profile, as in net/http/pprof.
	defaultSeconds = 30
	// maxSeconds bounds it.
	maxSeconds = 300
)

// request is a request for a profile.
type request struct {
	name     string
	debug    int
	duration time.Duration
}

// take returns a profile.
type take func(ctx context.Context, r request) ([]byte, error)

// serverProfile responds with a profile of this process.
func (h *handler) serverProfile(w http.ResponseWriter, r *http.Request) {
	h.respond(w, r, func(ctx context.Context, r request) ([]byte, error) {
		var profile bytes.Buffer
		err := telemetry.WriteProfile(ctx, &profile, r.name, r.debug, r.duration)
		return profile.Bytes(), err
	})
}

// workerProfile responds with a profile of a worker.
func (h *handler) workerProfile(w http.ResponseWriter, r *http.Request) {
	pid, err := strconv.Atoi(r.PathValue("pid"))
	if err != nil || h.options.Workers == nil {
		http.Error(w, fmt.Sprintf("%v: %q: /debug/workers lists them", worker.ErrNoWorker, r.PathValue("pid")), http.StatusNotFound)
		return
	}
	h.respond(w, r, func(ctx context.Context, r request) ([]byte, error) {
		return h.options.Workers.Profile(ctx, pid, r.name, r.debug, r.duration)
	})
}

// respond takes a profile and responds with it.
func (h *handler) respond(w http.ResponseWriter, r *http.Request, take take) {
	wanted, err := parse(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-h.options.Draining:
			cancel()
		case <-stop:
		}
	}()
	profile, err := take(ctx, wanted)
	switch {
	case errors.Is(err, worker.ErrNoWorker):
		http.Error(w, err.Error()+": /debug/workers lists them", http.StatusNotFound)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", contentType(wanted))
		w.Header().Set("X-Content-Type-Options", "nosniff") // the bytes may be a worker's
		_, _ = w.Write(profile)                             // an error means that the client has left
	}
}

func contentType(r request) string {
	if r.debug > 0 && r.name != telemetry.CPUProfile {
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// parse reads the profile's name and the parameters of the query.
func parse(r *http.Request) (request, error) {
	parsed := request{name: r.PathValue("profile")}
	if parsed.name == "profile" {
		parsed.name = telemetry.CPUProfile
	}
	seconds, err := number(r, "seconds", defaultSeconds, 1, maxSeconds)
	if err != nil {
		return parsed, err
	}
	parsed.duration = time.Duration(seconds) * time.Second
	parsed.debug, err = number(r, "debug", 0, 0, 2)
	return parsed, err
}

// number returns a parameter of the query.
func number(r *http.Request, name string, otherwise, from, to int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < from || n > to {
		return 0, fmt.Errorf("%s is %q: give a number from %d to %d", name, text, from, to)
	}
	return n, nil
}
