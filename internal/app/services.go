package app

import (
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/grpchealth"
	"github.com/tensorwire/tensorwire/handler/oip"
	"github.com/tensorwire/tensorwire/handler/oiprest"
	"github.com/tensorwire/tensorwire/handler/predictor"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/web"
)

// apiEndpoint serves all APIs, the metrics and the page.
const apiEndpoint = "api"

// newHTTP returns the HTTP server.
func (s *Server) newHTTP(options Options, metrics http.Handler, memory *admission.Budget) (*server.Server, error) {
	if err := s.openStores(); err != nil {
		return nil, err
	}
	tuning := s.tuning(memory)
	api, err := s.authorized(server.Endpoint{Name: apiEndpoint, Routes: s.routes(options, metrics, tuning)}, tuning)
	if err != nil {
		return nil, err
	}
	debug, err := s.authorized(s.debugEndpoint(), tuning)
	if err != nil {
		return nil, err
	}
	return server.New(s.lifecycle, tuning, api, debug)
}

// tuning returns the options of the endpoints.
func (s *Server) tuning(memory *admission.Budget) server.Options {
	tuning := server.Options{
		CORSOrigins:           s.config.CORSOrigins,
		CORSHeaders:           s.config.CORSHeaders,
		CORSCredentials:       s.config.CORSCredentials,
		PublicOrigins:         s.config.PublicOrigins,
		AllowedHosts:          s.config.AllowedHosts,
		ListenAddresses:       s.config.HostPorts(),
		TrustedProxies:        s.config.TrustedProxies,
		MaxMessageBytes:       int64(s.config.MaxMessageBytes),
		TransferGrace:         s.config.TransferGrace,
		MinReadRate:           int64(s.config.MinReadRate),
		MinWriteRate:          int64(s.config.MinWriteRate),
		MaxConnections:        orUnlimited(s.config.MaxConnections),
		MaxConnectionsPerPeer: orUnlimited(s.config.MaxConnectionsPerPeer),
		MaxConnectionAge:      s.config.MaxConnectionAge,
		NetHTTP2:              s.config.NetHTTP2,
		AccessLog:             telemetry.AccessLog(s.config.AccessLog),
		Responses:             s.responses,
		Budget:                memory,
		Logger:                s.log,
	}
	if s.tracer != nil {
		tuning.Tracer = s.tracer
	}
	return tuning
}

// routes returns the routes of the API, with what each needs.
func (s *Server) routes(options Options, metrics http.Handler, tuning server.Options) []server.Route {
	register, rest := s.services(options)
	health := grpchealth.New(s.models, s.lifecycle, s.readiness.Server, grpchealth.Options{Changes: &s.changes, MaxWatchesPerPeer: watchesPerPeer(s.config.MaxConnectionsPerPeer)})
	return slices.Concat(classify(server.RPC(tuning, register, health.Register)), open(server.Probes(s.readiness.Server)), []server.Route{
		{Prefix: "/v2", Handler: rest, NeedOf: rest.Need},
		{Pattern: "GET /metrics", Handler: metrics, Quiet: true, Need: needMetrics},
		{Pattern: "GET /whoami", Handler: http.HandlerFunc(auth.ServeIdentity), Quiet: true, Need: needClient},
		{Pattern: "/", Handler: web.Handler(), Quiet: true, Need: needNothing},
	})
}

// orUnlimited returns the option for a limit that is 0 where there is none.
func orUnlimited(limit int) int {
	if limit == 0 {
		return -1
	}
	return limit
}

// watchesPerPeer returns grpchealth.Options.MaxWatchesPerPeer: where connections of a peer have
// no limit, a proxy is the only client, and its watches have none either.
func watchesPerPeer(maxConnections int) int {
	if maxConnections == 0 {
		return -1
	}
	return 0
}

// services returns the registration of the RPCs, and the REST API.
func (s *Server) services(options Options) (func(*connect.Server), *oiprest.Handler) {
	runner := infer.NewRunner(s.models, infer.Options{
		MaxDeadline:    s.config.MaxDeadline,
		MaxImagePixels: s.config.MaxImagePixels,
		MaxImageRatio:  s.config.MaxImageRatio,
		SharedMemory:   s.regions,
	})
	management := admin.New(s.models, admin.Options{
		Name:         s.config.ID,
		Version:      options.Version,
		Lifecycle:    s.lifecycle,
		SharedMemory: s.regions,
		LogLevels:    options.LogLevels,
		Tracing:      s.tracer != nil,
		SampleRatio:  s.config.TraceSampleRatio,
		Logger:       s.log,
	})
	rpc := handler.RPCOptions{
		StreamWindow: s.config.StreamWindow,
		Draining:     s.lifecycle.Draining(),
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Logger:       s.log,
	}
	predictions := predictor.New(runner, rpc)
	inferences := oip.New(runner, management, rpc)
	register := func(procedures *connect.Server) {
		modelservingconnect.RegisterPredictorHandler(procedures, predictions)
		inferenceconnect.RegisterGRPCInferenceServiceHandler(procedures, inferences)
	}
	rest := oiprest.New(runner, management, oiprest.Options{MaxBodyBytes: int64(s.config.MaxMessageBytes), Logger: s.log})
	return register, rest
}
