package handlertest

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/oip"
	"github.com/tensorwire/tensorwire/handler/oiprest"
	"github.com/tensorwire/tensorwire/handler/predictor"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// Models is a model repository as all APIs use it.
type Models interface {
	infer.Models
	admin.Repository
}

// Options are those of all APIs. The zero value has the defaults, without a log.
type Options struct {
	Version        string
	Lifecycle      *telemetry.Lifecycle
	SharedMemory   *sharedmem.Regions
	LogLevels      *telemetry.LogLevels
	StreamWindow   int
	Draining       <-chan struct{}
	Lend           func(ctx context.Context, free func())
	MaxDeadline    time.Duration
	MaxImagePixels int64
	MaxBodyBytes   int64
	Logger         *slog.Logger
}

// APIs are all APIs over one repository.
type APIs struct {
	Runner    *infer.Runner
	Predictor *predictor.Service
	OIP       *oip.Service
	REST      *oiprest.Handler
}

// New returns the APIs of models.
func New(models Models, o Options) *APIs {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	runner := infer.NewRunner(models, infer.Options{MaxDeadline: o.MaxDeadline, MaxImagePixels: o.MaxImagePixels, SharedMemory: o.SharedMemory})
	management := admin.New(models, admin.Options{Version: o.Version, Lifecycle: o.Lifecycle, SharedMemory: o.SharedMemory, LogLevels: o.LogLevels, Logger: o.Logger})
	rpc := handler.RPCOptions{StreamWindow: o.StreamWindow, Draining: o.Draining, Lend: o.Lend, Logger: o.Logger}
	return &APIs{
		Runner:    runner,
		Predictor: predictor.New(runner, rpc),
		OIP:       oip.New(runner, management, rpc),
		REST:      oiprest.New(runner, management, oiprest.Options{MaxBodyBytes: o.MaxBodyBytes, Logger: o.Logger}),
	}
}

// Serve returns the APIs of models by their names, and stops them with the test.
func Serve(t testing.TB, models map[string]*infertest.Model, o Options) (*APIs, *Repository) {
	t.Helper()
	r := &Repository{Repository: infertest.Repository(t, models)}
	return New(r, o), r
}

// OIP is Serve for tests of the Open Inference Protocol alone.
func OIP(t testing.TB, models map[string]*infertest.Model, o Options) (*oip.Service, *Repository) {
	t.Helper()
	apis, r := Serve(t, models, o)
	return apis.OIP, r
}

// REST is Serve for tests of REST alone. It takes images of at most 10,000 pixels.
func REST(t testing.TB, models map[string]*infertest.Model, o Options) (http.Handler, *Repository) {
	t.Helper()
	o.MaxImagePixels = 10_000
	apis, r := Serve(t, models, o)
	return apis.REST, r
}

// Client returns a client of service.
func Client(service *oip.Service) inferenceconnect.GRPCInferenceServiceClient {
	server := connect.NewServer()
	inferenceconnect.RegisterGRPCInferenceServiceHandler(server, service)
	return inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connectinprocess.New(server)))
}

// PredictorClient returns a client of service.
func PredictorClient(service *predictor.Service) modelservingconnect.PredictorClient {
	server := connect.NewServer()
	modelservingconnect.RegisterPredictorHandler(server, service)
	return modelservingconnect.NewPredictorClient(connect.NewClient(connectinprocess.New(server)))
}

// OIPClient returns a client of the Open Inference Protocol over models.
func OIPClient(t testing.TB, models map[string]*infertest.Model, o Options) inferenceconnect.GRPCInferenceServiceClient {
	t.Helper()
	service, _ := OIP(t, models, o)
	return Client(service)
}

// Repository is a repository that records which models are loaded and unloaded by
// request.
type Repository struct {
	*infer.Repository
	mu    sync.Mutex
	Calls []string
	Given *repository.Override // with the last load
	Err   error                // that loads and unloads return
}

// LoadModel implements admin.Repository.
func (r *Repository) LoadModel(_ context.Context, name string, override *repository.Override) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Calls, r.Given = append(r.Calls, "load "+name), override
	return r.Err
}

// UnloadModel implements admin.Repository.
func (r *Repository) UnloadModel(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Calls = append(r.Calls, "unload "+name)
	return r.Err
}

// States is a repository with a version in every state.
type States struct{ Models }

// Snapshot implements admin.Repository.
func (States) Snapshot() *infer.Snapshot {
	version := func(number int64, state repository.State, reason string) *infer.Version {
		return &infer.Version{Model: "m", Number: number, State: state, Reason: reason}
	}
	return &infer.Snapshot{Models: []*infer.Model{
		{Name: "m", Versions: []*infer.Version{
			version(10, repository.Loading, ""), version(9, repository.Unloading, ""),
			version(2, repository.Ready, "the last load failed"), version(1, repository.Unavailable, "bad model"),
		}},
		{Name: "never"},
		{Name: "none", Reason: "no version directories"},
	}}
}
