package server

import (
	"context"
	"errors"
	"net/http"
	"slices"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

const healthService = grpchealth.HealthV1ServiceName

// maxHealthBytes bounds a health request, which has the name of a service.
const maxHealthBytes = 4 << 10

// health returns the route of grpc.health.v1.Health. grpchealth is built on connect's first
// version, as a plain http.Handler, so that it is not among the procedures of a
// connect.Server.
func health(lifecycle *telemetry.Lifecycle, services []string) Route {
	pattern, handler := grpchealth.NewHandler(&checker{lifecycle, services}, connectv1.WithReadMaxBytes(maxHealthBytes))
	return Route{Pattern: pattern, Handler: handler, Quiet: true}
}

// Probes returns the routes of the probes over plain HTTP: /livez (the process answers) and
// /readyz (the server is ready for requests).
func Probes(lifecycle *telemetry.Lifecycle) []Route {
	live := func(w http.ResponseWriter, _ *http.Request) { writeProbe(w, http.StatusOK, "ok\n") }
	ready := func(w http.ResponseWriter, _ *http.Request) {
		if lifecycle.Ready() {
			writeProbe(w, http.StatusOK, "ok\n")
		} else {
			writeProbe(w, http.StatusServiceUnavailable, "not ready\n")
		}
	}
	return []Route{
		{Pattern: "GET /livez", Handler: http.HandlerFunc(live), Quiet: true},
		{Pattern: "GET /readyz", Handler: http.HandlerFunc(ready), Quiet: true},
	}
}

func writeProbe(w http.ResponseWriter, status int, text string) {
	w.Header().Set(wire.HeaderContentType, "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client may have disconnected
}

// checker answers gRPC health checks: the server ("") and each of its services serve when the
// server is ready.
type checker struct {
	lifecycle *telemetry.Lifecycle
	services  []string
}

// Check implements [grpchealth.Checker].
func (c *checker) Check(_ context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !slices.Contains(c.services, req.Service) {
		return nil, connectv1.NewError(connectv1.CodeNotFound, errors.New("unknown service "+req.Service))
	}
	if c.lifecycle.Ready() {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
}
