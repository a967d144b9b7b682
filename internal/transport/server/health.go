package server

import (
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// maxHealthBytes bounds a request of gRPC health, which has the name of a service. These
// requests have no memory budget and no lines in the access log: a busy server is healthy.
const maxHealthBytes = 4 << 10

// isHealth reports whether a path is a procedure of gRPC health.
func isHealth(path string) bool {
	return strings.HasPrefix(path, "/"+wire.HealthService+"/")
}

// Probes returns the routes of the probes over plain HTTP: /livez (the process answers) and
// /readyz (the server is ready for requests). ready returns why the server is not ready, in
// words for clients, and nil when it is. It must be safe for concurrent use.
func Probes(ready func() error) []Route {
	answerLive := func(w http.ResponseWriter, _ *http.Request) { writeProbe(w, http.StatusOK, "ok\n") }
	answerReady := func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			writeProbe(w, http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
			return
		}
		writeProbe(w, http.StatusOK, "ok\n")
	}
	return []Route{
		{Pattern: "GET /livez", Handler: http.HandlerFunc(answerLive), Quiet: true},
		{Pattern: "GET /readyz", Handler: http.HandlerFunc(answerReady), Quiet: true},
	}
}

func writeProbe(w http.ResponseWriter, status int, text string) {
	w.Header().Set(wire.HeaderContentType, "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client may have disconnected
}
