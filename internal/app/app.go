package app

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/grpchealth"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// Options are what a server needs in addition to its configuration. The zero value has
// the defaults.
type Options struct {
	// Version is the server's version for its clients. Empty: unknown.
	Version string
	// Logger receives the log. nil: slog.Default.
	Logger *slog.Logger
	// LogLevels are the levels of Logger, which clients may change. nil: a change has no
	// effect.
	LogLevels *telemetry.LogLevels
	// LogLinesDropped returns how many lines Logger has dropped, for the metrics. nil: there
	// is no such metric.
	LogLinesDropped func() uint64
	// HeapEnv returns environment variables. With it, the server sets Go's soft memory
	// limit and the pace of the garbage collector for the memory budget until it is
	// closed, where GOMEMLIMIT and GOGC are not set. Both are settings of the process.
	// nil: they stay as they are.
	HeapEnv func(name string) string
	// OTelEnv returns OpenTelemetry's environment variables, by which the configuration of
	// traces is completed. nil: there are none.
	OTelEnv func(name string) string
	// WorkerPath is the program of worker processes. Empty: this program, if it has called
	// RunWorker.
	WorkerPath string
}

// Server is a server with its models. Its methods are safe for concurrent use.
type Server struct {
	config  *config.Config
	log     *slog.Logger
	models  *infer.Repository
	regions *sharedmem.Regions // nil: shared memory is off
	workers *worker.Engine     // nil: models run in this process
	http    *server.Server
	tracer  *tracing.Tracer             // nil: requests are not traced
	stores  map[config.TLS]*certs.Store // the certificates of listeners; read-only after New

	// lifecycle is ready once the loads of the start have finished.
	lifecycle *telemetry.Lifecycle
	readiness *admin.Readiness
	access    *access
	loads     *telemetry.Loads
	responses *telemetry.Responses
	changes   grpchealth.Changes // of lifecycle and models
	start     sync.Once
	debugging atomic.Bool    // the profiles are served
	loading   sync.WaitGroup // the goroutines of Start
	loadCtx   context.Context
	stopLoads context.CancelFunc
	loaded    chan struct{} // closed when the startup models are loaded

	// closers release what New acquired, in the reverse order.
	closers   []func() error
	closeOnce sync.Once
	closed    chan struct{} // closed when the last closer has returned closeErr
	closeErr  error
}

// New builds the server of a valid configuration: it loads ONNX Runtime and lists the
// models. It neither loads models nor listens. Errors name settings by setting.Key. The
// caller releases the server with Run or Shutdown.
func New(c *config.Config, options Options) (*Server, error) {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	s := &Server{
		config:    c,
		log:       options.Logger,
		lifecycle: &telemetry.Lifecycle{},
		loads:     &telemetry.Loads{},
		responses: &telemetry.Responses{},
		loaded:    make(chan struct{}),
		closed:    make(chan struct{}),
	}
	s.loadCtx, s.stopLoads = context.WithCancel(context.Background())
	if err := s.build(options); err != nil {
		return nil, s.Abandon(err)
	}
	return s, nil
}

// build constructs the parts, from the engine up to the HTTP server.
func (s *Server) build(options Options) error {
	memory := admission.New(int64(s.config.MemoryBudget))
	if options.HeapEnv != nil {
		restore := admission.TuneHeap(memory, options.HeapEnv)
		s.onClose(func() error { restore(); return nil })
	}
	if err := s.openTracing(options); err != nil { // closed last, with the spans of all that is closed before
		return err
	}
	engines, err := s.openEngines(options)
	if err != nil {
		return err
	}
	s.onClose(engines.Close)
	cache := respcache.New(int64(s.config.ResponseCacheBytes))
	s.models = s.newRepository(engines, cache)
	s.onClose(s.models.Close)
	s.onClose(func() error { s.loading.Wait(); return nil })
	if err := s.models.Scan(); err != nil {
		return err
	}
	if s.config.AllowSharedMemory {
		s.regions = sharedmem.New(sharedmem.Dir)
		s.onClose(s.regions.Close)
	}
	if err := s.openAccess(); err != nil {
		return err
	}
	s.readiness = admin.NewReadiness(s.models, s.lifecycle, s.config.StrictReadiness)
	s.http, err = s.newHTTP(options, s.serverMetrics(options, cache, memory), memory)
	return err
}

func (s *Server) onClose(closer func() error) { s.closers = append(s.closers, closer) }

// Handler returns the handler of all APIs, for an HTTP server of the caller's own.
func (s *Server) Handler() http.Handler { return s.http.Handler(apiEndpoint) }

// Start loads the startup models in the background and follows the model repository, also
// while they load, until Shutdown. Further calls do nothing.
func (s *Server) Start() {
	s.start.Do(func() {
		s.loading.Go(func() {
			if s.models.Load(s.loadCtx) != nil {
				return // the server is stopping
			}
			s.lifecycle.SetReady(true)
			s.changes.Notify()
			close(s.loaded)
		})
		s.loading.Go(func() { s.models.Poll(s.loadCtx) })
		for _, store := range s.stores {
			go store.Watch(s.loadCtx) // may wait for a file system that does not answer
		}
		if s.access.tokens != nil {
			s.loading.Go(func() { s.access.tokens.Watch(s.loadCtx) })
		}
	})
}
