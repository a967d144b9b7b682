package oiprest

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

	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Options tune a Handler. The zero value has the defaults.
type Options struct {
	// MaxBodyBytes bounds the body of a request, both as it was sent and decompressed. 0:
	// wire.DefaultMaxMessageBytes. It is at most envelope.MaxMessageSize.
	MaxBodyBytes int64
	// Logger logs the causes of internal errors. nil: slog.Default.
	Logger *slog.Logger
}

// Handler serves the protocol. It is safe for concurrent use.
type Handler struct {
	runner  *infer.Runner
	admin   *admin.Service
	options Options
	mux     *http.ServeMux
	needs   *http.ServeMux // its handlers give the needs of mux's routes
}

// New returns the handler of runner's models, with management for the paths that do not
// run a model.
func New(runner *infer.Runner, management *admin.Service, options Options) *Handler {
	if options.MaxBodyBytes == 0 {
		options.MaxBodyBytes = wire.DefaultMaxMessageBytes
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	h := &Handler{runner: runner, admin: management, options: options, mux: http.NewServeMux(), needs: http.NewServeMux()}
	h.addRoutes()
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	inner, ok := routed(r)
	if !ok {
		h.fail(w, r, noPath(r.URL.EscapedPath()))
		return
	}
	inner.Body = &watchedBody{ReadCloser: r.Body}
	h.mux.ServeHTTP(w, inner)
}

// routed returns a copy of a request with the path by which the muxes find its route. ok is false
// for a path that is none of the API's: a mux would redirect one such as /v2/models/../x to
// another. net/http inspects the body that it made, so the request stays its own.
func routed(r *http.Request) (inner *http.Request, ok bool) {
	p := r.URL.EscapedPath()
	if path.Clean(p) != p && p != root+"/" {
		return nil, false
	}
	copied := *r
	if p == root+"/" {
		u := *r.URL
		u.Path, u.RawPath = root, ""
		copied.URL = &u
	}
	return &copied, true
}

// root is the path of the server's metadata. The protocol's OpenAPI definition has it with a slash
// at its end, as no other path; in Triton no path has one.
const root = "/v2"

// methods are the handlers of a path by their method. GET also answers HEAD.
type methods map[string]func(w http.ResponseWriter, r *http.Request) error

func (h *Handler) addRoutes() {
	get := func(f func(http.ResponseWriter, *http.Request) error) methods { return methods{http.MethodGet: f} }
	post := func(f func(http.ResponseWriter, *http.Request) error) methods { return methods{http.MethodPost: f} }
	both := func(f func(http.ResponseWriter, *http.Request) error) methods {
		return methods{http.MethodGet: f, http.MethodPost: f}
	}
	h.route(root, auth.Read, get(h.serverMetadata))
	h.route("/v2/health/live", auth.Open, get(h.serverLive))
	h.route("/v2/health/ready", auth.Open, get(h.serverReady))
	h.route("/v2/models/stats", auth.Read, get(h.modelStatistics))
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		h.route(model, auth.Read, get(h.modelMetadata))
		h.route(model+"/ready", auth.Read, get(h.modelReady))
		h.route(model+"/config", auth.Read, get(h.modelConfig))
		h.route(model+"/stats", auth.Read, get(h.modelStatistics))
		h.route(model+"/infer", auth.Infer, post(h.infer))
	}
	for _, repository := range []string{"/v2/repository", "/v2/repository/{repository}"} {
		h.route(repository+"/index", auth.Read, post(h.repositoryIndex))
		h.route(repository+"/models/{model}/load", auth.Admin, post(h.repositoryLoad))
		h.route(repository+"/models/{model}/unload", auth.Admin, post(h.repositoryUnload))
	}
	h.route("/v2/logging", auth.Admin, both(h.logSettings))
	h.route("/v2/trace/setting", auth.Admin, both(h.traceSetting))
	h.route("/v2/models/{model}/trace/setting", auth.Admin, both(h.traceSetting))
	for _, region := range []string{"", "/region/{region}"} {
		h.route("/v2/systemsharedmemory"+region+"/status", auth.Admin, get(h.sharedMemoryStatus))
		h.route("/v2/systemsharedmemory"+region+"/register", auth.Admin, post(h.sharedMemoryRegister))
		h.route("/v2/systemsharedmemory"+region+"/unregister", auth.Admin, post(h.sharedMemoryUnregister))
		h.route("/v2/cudasharedmemory"+region+"/status", auth.Admin, get(h.cudaMemoryStatus))
		h.route("/v2/cudasharedmemory"+region+"/register", auth.Admin, post(h.cudaMemoryRegister))
		h.route("/v2/cudasharedmemory"+region+"/unregister", auth.Admin, post(h.cudaMemoryUnregister))
	}
	h.needs.HandleFunc("/", needHandler(auth.Read)) // it reveals no more than the API's paths
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, noPath(r.URL.EscapedPath())) })
}

// route adds a path, which needs an action. It answers a method that the path does not have in the protocol's
// form, unlike the mux.
func (h *Handler) route(pattern string, action auth.Action, handlers methods) {
	h.needs.HandleFunc(pattern, needHandler(action))
	if get := handlers[http.MethodGet]; get != nil {
		handlers[http.MethodHead] = get
	}
	allowed := strings.Join(slices.Sorted(maps.Keys(handlers)), ", ")
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		handle, ok := handlers[r.Method]
		if !ok {
			w.Header().Set("Allow", allowed)
			h.fail(w, r, &statusError{http.StatusMethodNotAllowed, "method " + r.Method + " does not fit " + r.URL.EscapedPath() + ": use " + allowed})
			return
		}
		if err := handle(w, r); err != nil {
			h.fail(w, r, err)
		}
	})
}

// writeJSON answers with value as JSON. It is for small answers; writeResult writes the
// answers of models.
func (h *Handler) writeJSON(w http.ResponseWriter, status int, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is JSON, never HTML
	if err := encoder.Encode(value); err != nil {
		h.options.Logger.Error("answer cannot be encoded as JSON", "error", err)
		status = http.StatusInternalServerError
		text.Reset()
		text.WriteString(`{"error":"` + telemetry.ErrInternal.Error() + `"}`)
	}
	answer := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	header := w.Header()
	header.Set(wire.HeaderContentType, "application/json") // without a charset: clients compare it
	header.Set(wire.HeaderContentLength, strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, _ = w.Write(answer) // the caller may have left
}
