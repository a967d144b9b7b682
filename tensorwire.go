package tensorwire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"

	"github.com/tensorwire/tensorwire/internal/app"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

var (
	// ErrOptions marks an error of New about an invalid option.
	ErrOptions = errors.New("invalid option")
	// ErrLibraryNotFound marks an error of New: ONNX Runtime's shared library is not at
	// Options.OnnxRuntimeLibrary, or was not found.
	ErrLibraryNotFound = onnx.ErrLibraryNotFound
	// ErrNotFound marks an error of New: the model repository, the default model or a
	// model of Options.LoadModels does not exist.
	ErrNotFound = repository.ErrNotFound
	// ErrWorkerProcess is the error of New in a process that a server started as a worker:
	// its program does not call RunWorker.
	ErrWorkerProcess = app.ErrWorkerProcess
)

// RunWorker runs a worker, if a server started this process as one, and then exits. In
// other processes it returns at once. Worker processes run models, so that a fault of
// native code does not end the server.
//
// A program that embeds a server calls it first thing in main, and in TestMain: servers
// start their own program again as a worker. Initialization before it, such as of package
// variables, also happens in each worker. Instead, Options.WorkerPath can name the program
// tensorwire.
func RunWorker() {
	if code, ran := app.RunWorker(); ran {
		os.Exit(code)
	}
}

// Server is a model server. Its methods are safe for concurrent use.
type Server struct{ app *app.Server }

// New builds a server and begins to load its models in the background; see WaitReady. It
// does not listen, and waits for the file systems of the models directory, the certificates
// and the library. The caller shuts the server down, with Shutdown or by ListenAndServe.
//
// An error is an ErrOptions, an ErrLibraryNotFound, an ErrNotFound, an ErrWorkerProcess, or
// of the files of TLS or ONNX Runtime. Its text names fields of Options. A model that cannot be loaded is
// no error: it is logged, and requests for it fail as unavailable.
func New(options Options) (*Server, error) {
	if app.InWorkerProcess() {
		return nil, ErrWorkerProcess
	}
	c := options.config()
	err := errors.Join(options.validate(), c.Validate())
	if options.MemoryBudget > 0 {
		err = errors.Join(err, c.CheckMemoryBudget())
	}
	if err != nil {
		return nil, &optionError{ErrOptions, named(err)}
	}
	server, err := app.New(c, options.app())
	if err != nil {
		return nil, named(err)
	}
	server.Start()
	return &Server{server}, nil
}

// WaitReady waits until every model of the start is loaded or has failed to load, which
// is when /readyz reports ready, if any could be loaded. It returns the cause of ctx if that
// is done before, or an error if the server is shut down before.
func (s *Server) WaitReady(ctx context.Context) error { return s.app.WaitReady(ctx) }

// ListenAndServe listens on Options.Listen and serves until ctx is done. Then it shuts
// the server down: not ready, Options.ShutdownDelay, no more connections, and
// Options.ShutdownTimeout for requests in flight. When it returns, the server is shut
// down, also after an error.
func (s *Server) ListenAndServe(ctx context.Context) error {
	listeners, err := s.app.Listen(ctx, nil)
	if err != nil {
		return named(s.app.Abandon(err)) //nolint:contextcheck // closing has its own timeout
	}
	return named(s.app.Run(ctx, listeners, nil))
}

// Serve serves on listener until Shutdown is called, which makes it return nil, or until
// listener fails. It owns and closes listener. It may be called for several listeners at
// once. After an error the caller still calls Shutdown.
func (s *Server) Serve(listener net.Listener) error { return s.app.Serve(listener) }

// Handler returns the handler of all APIs and of the page, for the caller's own HTTP
// server, at the root of its paths. While models load, and after Shutdown, requests for
// them fail as unavailable.
//
// A program that stops calls Shutdown before, or concurrently with, Shutdown of its HTTP
// server, which otherwise waits for streams that do not end.
func (s *Server) Handler() http.Handler { return s.app.Handler() }

// Shutdown stops the server: it is not ready any more, ends streams, closes the listeners
// of Serve, waits for requests in flight, and closes the models and the engine. When ctx
// ends first, connections are cut off, workers are killed, and Shutdown returns an error.
// Without workers, what still runs in the engine is closed in the background when it
// returns. Shutdown may be called more than once.
func (s *Server) Shutdown(ctx context.Context) error { return named(s.app.Shutdown(ctx)) }

// optionError is an error with the names of fields of Options in its text.
type optionError struct {
	marker error // nil: none
	err    error
}

func (e *optionError) Error() string { return setting.Text(e.err, fieldName) }

func (e *optionError) Unwrap() []error {
	if e.marker == nil {
		return []error{e.err}
	}
	return []error{e.marker, e.err}
}

// named returns err with settings named as fields of Options.
func named(err error) error {
	if err == nil {
		return nil
	}
	return &optionError{err: err}
}
