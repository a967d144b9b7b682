package grpchealth

import (
	"context"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// The defaults of Options.
const (
	DefaultMaxWatches        = 1024
	DefaultMaxWatchesPerPeer = 128
	DefaultInterval          = time.Second
)

// Models is the part of a model repository that the service uses.
type Models interface {
	// Snapshot returns the repository's present state.
	Snapshot() *infer.Snapshot
}

// Options tune a Service. The zero value has the defaults.
type Options struct {
	// MaxWatches bounds the watches of all clients at once; more are refused as
	// unavailable. 0: DefaultMaxWatches.
	MaxWatches int
	// MaxWatchesPerPeer bounds the watches of one peer (see admission.PeerOf), so that one
	// client leaves watches to others. Peers without an IP address have no such bound. 0:
	// DefaultMaxWatchesPerPeer; negative: no bound, as where a proxy is the only client.
	MaxWatchesPerPeer int
	// Interval is the time between two looks of a watch at what does not notify Changes:
	// whether the calls of a model fail. 0: DefaultInterval.
	Interval time.Duration
	// Changes notifies watches at once. nil: they look after each Interval.
	Changes *Changes
}

// Service answers health checks. It is safe for concurrent use.
type Service struct {
	models    Models
	lifecycle *telemetry.Lifecycle
	ready     func() error
	options   Options

	services []string // sorted
	watches  watches
}

// New returns the service of the models of a server. ready returns why the server is not
// ready, and nil when it is. It must be safe for concurrent use.
func New(models Models, lifecycle *telemetry.Lifecycle, ready func() error, options Options) *Service {
	if options.MaxWatches == 0 {
		options.MaxWatches = DefaultMaxWatches
	}
	if options.MaxWatchesPerPeer == 0 {
		options.MaxWatchesPerPeer = DefaultMaxWatchesPerPeer
	}
	if options.Interval == 0 {
		options.Interval = DefaultInterval
	}
	if options.Changes == nil {
		options.Changes = &Changes{}
	}
	return &Service{
		models: models, lifecycle: lifecycle, ready: ready, options: options,
		watches: watches{limit: options.MaxWatches, perPeer: options.MaxWatchesPerPeer},
	}
}

// Register adds the service's procedures to server. The services that have been added
// before it, and itself, are known to health checks. It is called once, before the first
// request.
func (s *Service) Register(server *connect.Server) {
	methods := schema.Services().ByName("Health").Methods()
	method := func(name protoreflect.Name, kind connect.StreamType, handler connect.ServerFunc) connect.Method {
		return connect.Method{
			Spec:    connect.Spec{StreamType: kind, Schema: methods.ByName(name), Procedure: "/" + wire.HealthService + "/" + string(name)},
			Handler: handler,
		}
	}
	server.Register(
		method("Check", connect.StreamTypeUnary, s.check),
		method("List", connect.StreamTypeUnary, s.list),
		method("Watch", connect.StreamTypeServer, s.watch),
	)
	for spec := range server.Specs() {
		service, _, _ := strings.Cut(strings.TrimPrefix(spec.Procedure, "/"), "/")
		s.services = append(s.services, service)
	}
	slices.Sort(s.services)
	s.services = slices.Compact(s.services)
}

// check implements the RPC Check.
func (s *Service) check(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
	name, err := receiveName(stream)
	if err != nil {
		return err
	}
	status := s.statusOf(name)
	if status == statusServiceUnknown {
		return connect.Errorf(connect.CodeNotFound, "unknown service %.100q: give the name of a service, of a model, or <model>/<version>; leave it empty for the server", name)
	}
	return stream.Send(newCheckResponse(status))
}

// list implements the RPC List. The versions of models are not listed.
func (s *Service) list(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
	if err := stream.Receive(dynamicpb.NewMessage(listRequest)); err != nil {
		return err
	}
	server := s.statusOf("")
	statuses := map[string]servingStatus{"": server}
	models := s.models.Snapshot()
	for _, model := range models.Models {
		statuses[model.Name] = s.modelStatus(models, model.Name, "")
	}
	for _, service := range s.services {
		statuses[service] = server
	}
	return stream.Send(newListResponse(statuses))
}

// receiveName receives a request with the name of a service.
func receiveName(stream connect.ServerStream) (string, error) {
	request := dynamicpb.NewMessage(checkRequest)
	if err := stream.Receive(request); err != nil {
		return "", err
	}
	return request.Get(serviceField).String(), nil
}
