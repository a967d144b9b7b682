package app

import (
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/oip"
	"github.com/tensorwire/tensorwire/handler/oiprest"
	"github.com/tensorwire/tensorwire/handler/predictor"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/web"
)

// newHTTP returns the HTTP server of all APIs, of the metrics and of the page.
func (s *Server) newHTTP(options Options, metrics http.Handler, memory *admission.Budget) (*server.Server, error) {
	register, rest := s.services(options)
	return server.New(register, rest, web.Handler(), s.readiness, server.Options{
		TLSCertFile:     s.config.TLSCert,
		TLSKeyFile:      s.config.TLSKey,
		CORSOrigins:     s.config.CORSOrigins,
		MaxMessageBytes: int64(s.config.MaxMessageBytes),
		NetHTTP2:        s.config.NetHTTP2,
		Metrics:         metrics,
		Budget:          memory,
		Logger:          s.log,
	})
}

// services returns the registration of the RPCs, and the REST API.
func (s *Server) services(options Options) (func(*connect.Server), http.Handler) {
	runner := infer.NewRunner(s.models, infer.Options{
		MaxDeadline:    s.config.MaxDeadline,
		MaxImagePixels: s.config.MaxImagePixels,
		SharedMemory:   s.regions,
	})
	management := admin.New(s.models, admin.Options{
		Version:      options.Version,
		Readiness:    s.readiness,
		SharedMemory: s.regions,
		LogLevels:    options.LogLevels,
		Logger:       s.log,
	})
	predictions := predictor.New(runner, predictor.Options{
		StreamWindow: s.config.StreamWindow,
		Draining:     s.draining,
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Logger:       s.log,
	})
	inferences := oip.New(runner, management, oip.Options{
		StreamWindow: s.config.StreamWindow,
		Draining:     s.draining,
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Logger:       s.log,
	})
	register := func(procedures *connect.Server) {
		modelservingconnect.RegisterPredictorHandler(procedures, predictions)
		inferenceconnect.RegisterGRPCInferenceServiceHandler(procedures, inferences)
	}
	rest := oiprest.New(runner, management, oiprest.Options{MaxBodyBytes: int64(s.config.MaxMessageBytes), Logger: s.log})
	return register, rest
}
