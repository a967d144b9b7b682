package handler

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// defaultMaxBodyBytes is RESTOptions' default.
const defaultMaxBodyBytes = 64 << 20

// RESTOptions tune a REST. The zero value has the defaults.
type RESTOptions struct {
	// MaxBodyBytes bounds the body of a request, as it was sent and decompressed. 0:
	// 64 MiB. It is at most 4 GiB less one byte.
	MaxBodyBytes int64
	// Logger is told of errors that callers are not told. nil: slog.Default.
	Logger *slog.Logger
}

// REST serves the Open Inference Protocol as plain HTTP with JSON, below /v2: the
// protocol's own paths, and those that Triton adds. Its forms are those that the
// clients of both read, where they differ from protobuf's JSON: snake_case, numbers as
// numbers, {"error": "..."}. docs/rest.md lists them.
//
// It translates: what it answers comes of Inference, and what an image becomes of
// Predictor. It is safe for concurrent use.
type REST struct {
	inference *Inference
	predictor *Predictor
	options   RESTOptions
	mux       *http.ServeMux
}

// NewREST returns the REST form of inference. An image that is sent as it is becomes a
// tensor as predictor makes one.
func NewREST(inference *Inference, predictor *Predictor, options RESTOptions) *REST {
	if options.MaxBodyBytes == 0 {
		options.MaxBodyBytes = defaultMaxBodyBytes
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	s := &REST{inference: inference, predictor: predictor, options: options, mux: http.NewServeMux()}
	s.addRoutes()
	return s
}

// ServeHTTP implements [http.Handler].
func (s *REST) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The mux would redirect a path such as /v2/models/../x to another of the API's.
	if p := r.URL.EscapedPath(); path.Clean(p) != p {
		s.fail(w, r, noPath(p))
		return
	}
	// The request stays net/http's own: it looks at the body that it made.
	inner := *r
	inner.Body = &watchedBody{ReadCloser: r.Body}
	s.mux.ServeHTTP(w, &inner)
}

// methods are the handlers of a path by their method. GET answers HEAD, too.
type methods map[string]func(w http.ResponseWriter, r *http.Request) error

func (s *REST) addRoutes() {
	get := func(h func(http.ResponseWriter, *http.Request) error) methods { return methods{http.MethodGet: h} }
	post := func(h func(http.ResponseWriter, *http.Request) error) methods { return methods{http.MethodPost: h} }
	both := func(h func(http.ResponseWriter, *http.Request) error) methods {
		return methods{http.MethodGet: h, http.MethodPost: h}
	}
	s.route("/v2", get(s.serverMetadata))
	s.route("/v2/health/live", get(s.serverLive))
	s.route("/v2/health/ready", get(s.serverReady))
	s.route("/v2/models/stats", get(s.modelStatistics))
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		s.route(model, get(s.modelMetadata))
		s.route(model+"/ready", get(s.modelReady))
		s.route(model+"/config", get(s.modelConfig))
		s.route(model+"/stats", get(s.modelStatistics))
		s.route(model+"/infer", post(s.infer))
	}
	for _, repository := range []string{"/v2/repository", "/v2/repository/{repository}"} {
		s.route(repository+"/index", post(s.repositoryIndex))
		s.route(repository+"/models/{model}/load", post(s.repositoryLoad))
		s.route(repository+"/models/{model}/unload", post(s.repositoryUnload))
	}
	s.route("/v2/logging", both(s.logSettings))
	s.route("/v2/trace/setting", both(s.traceSetting))
	s.route("/v2/models/{model}/trace/setting", both(s.traceSetting))
	for _, region := range []string{"", "/region/{region}"} {
		s.route("/v2/systemsharedmemory"+region+"/status", get(s.sharedMemoryStatus))
		s.route("/v2/systemsharedmemory"+region+"/register", post(s.sharedMemoryRegister))
		s.route("/v2/systemsharedmemory"+region+"/unregister", post(s.sharedMemoryUnregister))
		s.route("/v2/cudasharedmemory"+region+"/status", get(s.cudaMemoryStatus))
		s.route("/v2/cudasharedmemory"+region+"/register", post(s.cudaMemoryRegister))
		s.route("/v2/cudasharedmemory"+region+"/unregister", post(s.cudaMemoryUnregister))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, noPath(r.URL.EscapedPath())) })
}

// route adds a path. A method that it does not have is answered in the protocol's
// form, which the mux's own answer is not.
func (s *REST) route(pattern string, handlers methods) {
	if get := handlers[http.MethodGet]; get != nil {
		handlers[http.MethodHead] = get
	}
	allowed := strings.Join(slices.Sorted(maps.Keys(handlers)), ", ")
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		handle, ok := handlers[r.Method]
		if !ok {
			w.Header().Set("Allow", allowed)
			s.fail(w, r, &statusError{http.StatusMethodNotAllowed, "method " + r.Method + " does not fit " + r.URL.EscapedPath() + ": use " + allowed})
			return
		}
		if err := handle(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// writeJSON answers with value as JSON. It is for what is small: the answers of
// models take another way.
func (s *REST) writeJSON(w http.ResponseWriter, status int, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is JSON, never HTML
	if err := encoder.Encode(value); err != nil {
		s.options.Logger.Error("an answer has no JSON", "error", err)
		status = http.StatusInternalServerError
		text.Reset()
		text.WriteString(`{"error":"internal error"}`)
	}
	answer := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	header := w.Header()
	header.Set("Content-Type", "application/json") // without a charset: clients compare it
	header.Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the caller may have gone
}
