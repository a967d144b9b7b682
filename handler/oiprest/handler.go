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
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
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
	defer func() { telemetry.SetRoute(r.Context(), inner.Pattern) }() //nolint:contextcheck // it is the request's; the mux sets the pattern
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
	h.route(root, permission.Read, get(h.serverMetadata))
	h.route("/v2/health/live", permission.Open, get(h.serverLive))
	h.route("/v2/health/ready", permission.Open, get(h.serverReady))
	h.route("/v2/models/stats", permission.Read, get(h.modelStatistics))
	for _, model := range []string{"/v2/models/{model}", "/v2/models/{model}/versions/{version}"} {
		h.route(model, permission.Read, get(h.modelMetadata))
		h.route(model+"/ready", permission.Read, get(h.modelReady))
		h.route(model+"/config", permission.Read, get(h.modelConfig))
		h.route(model+"/stats", permission.Read, get(h.modelStatistics))
		h.route(model+"/infer", permission.Infer, post(h.infer))
	}
	for _, repository := range []string{"/v2/repository", "/v2/repository/{repository}"} {
		h.route(repository+"/index", permission.Read, post(h.repositoryIndex))
		h.route(repository+"/models/{model}/load", permission.Admin, post(h.repositoryLoad))
		h.route(repository+"/models/{model}/unload", permission.Admin, post(h.repositoryUnload))
	}
	h.route("/v2/logging", permission.Admin, both(h.logSettings))
	h.route("/v2/trace/setting", permission.Admin, both(h.traceSetting))
	h.route("/v2/models/{model}/trace/setting", permission.Admin, both(h.traceSetting))
	for _, region := range []string{"", "/region/{region}"} {
		h.route("/v2/systemsharedmemory"+region+"/status", permission.Admin, get(h.sharedMemoryStatus))
		h.route("/v2/systemsharedmemory"+region+"/register", permission.Admin, post(h.sharedMemoryRegister))
		h.route("/v2/systemsharedmemory"+region+"/unregister", permission.Admin, post(h.sharedMemoryUnregister))
		h.route("/v2/cudasharedmemory"+region+"/status", permission.Admin, get(h.cudaMemoryStatus))
		h.route("/v2/cudasharedmemory"+region+"/register", permission.Admin, post(h.cudaMemoryRegister))
		h.route("/v2/cudasharedmemory"+region+"/unregister", permission.Admin, post(h.cudaMemoryUnregister))
	}
	h.needs.HandleFunc("/", needHandler(permission.Read)) // it reveals no more than the API's paths
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { h.fail(w, r, noPath(r.URL.EscapedPath())) })
}

// route adds a path, which needs an action. It answers a method that the path does not have in the protocol's
// form, unlike the mux.
func (h *Handler) route(pattern string, action permission.Action, handlers methods) {
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
