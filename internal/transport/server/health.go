package server

import (
	"context"
	"errors"
	"net/http"
	"slices"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/grpchealth"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const healthService = grpchealth.HealthV1ServiceName

// maxHealthBytes bounds a health request, which holds the name of a service.
const maxHealthBytes = 4 << 10

// mountHealth adds grpc.health.v1.Health and, for probes that speak plain HTTP,
// /livez (the process answers) and /readyz (it should be sent work).
//
// grpchealth is built on connect's first version, as a plain http.Handler; it
// stands beside the connect.Server.
func mountHealth(mux *http.ServeMux, readiness *telemetry.Readiness, services []string) {
	mux.Handle(grpchealth.NewHandler(&checker{readiness, services}, connectv1.WithReadMaxBytes(maxHealthBytes)))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		writeProbe(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if readiness.Ready() {
			writeProbe(w, http.StatusOK, "ok\n")
		} else {
			writeProbe(w, http.StatusServiceUnavailable, "not ready\n")
		}
	})
}

func writeProbe(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the caller has gone
}

// checker answers gRPC health checks: the server as a whole ("") and each of its
// services serve when the server is ready.
type checker struct {
	readiness *telemetry.Readiness
	services  []string
}

func (c *checker) Check(_ context.Context, req *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if req.Service != "" && !slices.Contains(c.services, req.Service) {
		return nil, connectv1.NewError(connectv1.CodeNotFound, errors.New("no service "+req.Service+" on this server"))
	}
	if c.readiness.Ready() {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
}
