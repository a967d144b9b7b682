package app

import (
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/auth/limit"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/auth/tokenfile"
	"github.com/tensorwire/tensorwire/internal/transport/server"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// The needs of requests that name their model in a message, or none.
var (
	needNothing = permission.Need{Action: permission.Open}
	needClient  = permission.Need{Action: permission.Known}
	needInfer   = permission.Need{Action: permission.Infer}
	needRead    = permission.Need{Action: permission.Read}
	needAdmin   = permission.Need{Action: permission.Admin}
	// needServer is for what shows or changes something of all models.
	needServer  = permission.Need{Action: permission.Admin, AllModels: true}
	needMetrics = permission.Need{Action: permission.Read, AllModels: true}
)

// services are the needs of the procedures of each service. A procedure without a need takes the
// action admin.
var services = map[string]map[string]permission.Need{
	"modelserving.Predictor": {
		"Predict": needInfer, "FastPredict": needInfer, "StreamPredict": needInfer,
		"ListModels": needRead, "GetModel": needRead,
	},
	"inference.GRPCInferenceService": {
		"ServerLive": needNothing, "ServerReady": needNothing, "ModelReady": needRead,
		"ServerMetadata": needRead, "ModelMetadata": needRead, "ModelConfig": needRead, "ModelStatistics": needRead, "RepositoryIndex": needRead,
		"ModelInfer": needInfer, "ModelStreamInfer": needInfer,
		"RepositoryModelLoad": needAdmin, "RepositoryModelUnload": needAdmin,
		// A model in the message is no reason to change settings of the server.
		"TraceSetting": needAdmin, "LogSettings": needServer,
		"SystemSharedMemoryStatus": needServer, "SystemSharedMemoryRegister": needServer, "SystemSharedMemoryUnregister": needServer,
		"CudaSharedMemoryStatus": needServer, "CudaSharedMemoryRegister": needServer, "CudaSharedMemoryUnregister": needServer,
	},
	// The list has the names of all models.
	wire.HealthService:                         {"Check": needNothing, "Watch": needNothing, "List": needMetrics},
	"grpc.reflection.v1.ServerReflection":      {"ServerReflectionInfo": needRead},
	"grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": needRead},
}

// classify sets the needs of the routes of RPCs.
func classify(routes []server.Route) []server.Route {
	needs := map[string]permission.Need{}
	for service, procedures := range services {
		needs["/"+service+"/"] = needNothing // answers that it does not have a procedure
		for procedure, need := range procedures {
			needs["/"+service+"/"+procedure] = need
		}
	}
	for i := range routes {
		routes[i].Need = needs[routes[i].Pattern]
	}
	return routes
}

// open sets that routes need nothing.
func open(routes []server.Route) []server.Route {
	for i := range routes {
		routes[i].Need = needNothing
	}
	return routes
}

// access authorizes the requests of all endpoints.
type access struct {
	policy *auth.Policy
	limits *limit.Limiter
	tokens *tokenfile.Store // nil: none
}

// openAccess reads the tokens.
func (s *Server) openAccess() error {
	c := s.config
	s.access = &access{policy: &auth.Policy{Admin: adminAccess(c)}, limits: limit.New(limit.Options{Rate: c.ClientRate, Streams: c.ClientStreams})}
	if c.AuthTokens == "" {
		return nil
	}
	store, err := tokenfile.Open(c.AuthTokens, s.log)
	if err != nil {
		return err
	}
	s.access.tokens, s.access.policy.Authenticate = store, store.Authenticate
	return nil
}

// adminAccess returns who may administer without a credential: by default nobody where clients
// have credentials, else this machine.
func adminAccess(c *config.Config) auth.AdminAccess {
	if c.AdminAccess == "" {
		if c.AuthTokens != "" {
			return auth.AdminToken
		}
		return auth.AdminLoopback
	}
	access, _ := auth.ParseAdminAccess(c.AdminAccess) // Validate has checked it
	return access
}

// authorized returns an endpoint whose requests are authorized.
func (s *Server) authorized(e server.Endpoint, tuning server.Options) (server.Endpoint, error) {
	chain, err := server.StandardMiddleware(tuning, e.Routes)
	if err != nil {
		return e, err
	}
	e.Middleware, err = chain.After(server.TrailersOnly, server.Authorize(e.Routes, s.access.policy, s.access.limits, s.log))
	return e, err
}
