package admin

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// Repository is the part of a model repository that the service uses.
type Repository interface {
	// Snapshot returns the repository's present state.
	Snapshot() *infer.Snapshot
	// LoadModel loads a model, or loads it again, and returns when it is ready or has
	// failed. override may be nil.
	LoadModel(ctx context.Context, name string, override *repository.Override) error
	// UnloadModel takes a model out of service.
	UnloadModel(ctx context.Context, name string) error
}

// Options tune a Service. The zero value has the defaults.
type Options struct {
	// Name and Version are the server's, for ServerMetadata. An empty name is
	// "tensorwire".
	Name, Version string
	// Lifecycle reports whether the server has started and not stopped. nil: it has.
	Lifecycle *telemetry.Lifecycle
	// SharedMemory has the regions of shared memory that clients register. nil: shared
	// memory is off.
	SharedMemory *sharedmem.Regions
	// LogLevels are the levels of the log, which LogSettings changes. nil: levels that no
	// log uses.
	LogLevels *telemetry.LogLevels
	// Tracing: requests are traced with OpenTelemetry. SampleRatio is the part of them that is,
	// 0 to 1.
	Tracing     bool
	SampleRatio float64
	// Logger logs the causes of internal errors. nil: slog.Default.
	Logger *slog.Logger
}

// Service manages and describes a server. It is safe for concurrent use.
type Service struct {
	models    Repository
	readiness *Readiness
	options   Options
	// logFormat is the name of the log's format that a client set last.
	logFormat atomic.Value
}

// New returns the service of models, each of whose versions was compiled by
// infer.Compile.
func New(models Repository, options Options) *Service {
	options.Name = cmp.Or(options.Name, "tensorwire")
	if options.LogLevels == nil {
		options.LogLevels = &telemetry.LogLevels{}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.Lifecycle == nil {
		options.Lifecycle = &telemetry.Lifecycle{}
		options.Lifecycle.SetReady(true)
	}
	s := &Service{models: models, readiness: NewReadiness(models, options.Lifecycle, true), options: options}
	s.logFormat.Store(isoFormat)
	return s
}

// failed returns err as the error of an RPC.
func (s *Service) failed(ctx context.Context, err error) *connect.Error {
	return apierr.RPC(ctx, s.options.Logger, err)
}

// ready returns a version that is ready, and its model.
func (s *Service) ready(ctx context.Context, name, version string) (*infer.Model, *infer.Version, error) {
	model, v, err := s.lookup(ctx, name, version)
	if err != nil {
		return nil, nil, err
	}
	if v.State != repository.Ready {
		return nil, nil, notReady(v)
	}
	return model, v, nil
}

// lookup returns a version and its model, where the client of ctx may use it.
func (s *Service) lookup(ctx context.Context, name, version string) (*infer.Model, *infer.Version, error) {
	if err := permission.CheckModel(ctx, name); err != nil {
		return nil, nil, err
	}
	return infer.Visible(ctx, s.models).Lookup(name, version)
}

// notReady returns the error of a version that is not ready.
func notReady(v *infer.Version) error {
	state := strings.ToLower(stateName(v.State))
	if v.Reason != "" {
		state += ": " + v.Reason
	}
	return fmt.Errorf("%w: model %q version %d is %s", repository.ErrUnavailable, v.Model, v.Number, state)
}

// stateName returns a state as the protocol writes it.
func stateName(state repository.State) string {
	switch state {
	case repository.Loading:
		return "LOADING"
	case repository.Ready:
		return "READY"
	case repository.Unloading:
		return "UNLOADING"
	case repository.Unavailable:
	}
	return "UNAVAILABLE"
}
