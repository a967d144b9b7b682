package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/auth/tokenfile"
)

// hidden is a model that restricted clients may not use, nor learn of.
const hidden = "hidden-model"

// fixture is a server with the models a and hidden, and its clients' tokens by name.
type fixture struct {
	*Server
	log *syncBuffer
	// plain serves HTTP/1.1 and h2c, secure TLS, and debug the profiles.
	plain, secure, debug string
	roots                *http.Transport
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newFixture serves with the tokens of clients: each is the name of its client.
func newFixture(t *testing.T, change func(*config.Config), clients ...tokenfile.Entry) *fixture {
	t.Helper()
	c := config.Default()
	c.Models, c.Isolation, c.ModelControl, c.LoadModels = t.TempDir(), "off", repository.ControlExplicit, []string{"*"}
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{"a", hidden} {
		file := filepath.Join(c.Models, model, "1", "model.onnx")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		onnxtest.Unary("Identity", onnxtest.Float32, "batch", 1).Write(t, file)
	}
	if clients != nil {
		c.AuthTokens = filepath.Join(t.TempDir(), "tokens.yaml")
		for i := range clients {
			clients[i].SHA256 = tokenfile.DigestOf(clients[i].Name).String()
			if err := tokenfile.Add(c.AuthTokens, &clients[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if change != nil {
		change(c)
	}
	f := &fixture{log: &syncBuffer{}}
	if f.Server, err = New(c, Options{Logger: slog.New(slog.NewTextHandler(f.log, nil))}); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(listener) }()
	secure := httptest.NewUnstartedServer(f.Handler())
	secure.EnableHTTP2 = true
	secure.StartTLS()
	debug := httptest.NewServer(f.http.Handler(debugName))
	f.plain, f.secure, f.debug = "http://"+listener.Addr().String(), secure.URL, debug.URL
	f.roots = secure.Client().Transport.(*http.Transport)
	t.Cleanup(func() {
		secure.CloseClientConnections()
		secure.Close()
		debug.Close()
		if err := errors.Join(f.Shutdown(context.Background()), <-served); err != nil {
			t.Error(err)
		}
	})
	if err := f.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// transport returns a client of a version of HTTP: h1, h2c or tls, and the server's URL.
func (f *fixture) transport(t *testing.T, version string) (*http.Client, string) {
	t.Helper()
	tr := &http.Transport{Protocols: new(http.Protocols)}
	url := f.plain
	switch version {
	case "h1":
		tr.Protocols.SetHTTP1(true)
	case "h2c":
		tr.Protocols.SetUnencryptedHTTP2(true)
	case "tls":
		tr.Protocols.SetHTTP2(true)
		tr.TLSClientConfig = &tls.Config{RootCAs: f.roots.TLSClientConfig.RootCAs}
		url = f.secure
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}, url
}

// call is one request of a route.
type call struct {
	method, path, contentType, body string
}

// answer is what a response says: its text and the name of its code.
type answer struct {
	code, text string
	header     http.Header
}

// do sends a call with a token; empty: none.
func do(t *testing.T, client *http.Client, url string, c call, token string, header ...string) answer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.contentType != "" {
		req.Header.Set("Content-Type", c.contentType)
	}
	if strings.HasPrefix(c.contentType, "application/grpc") {
		req.Header.Set("Te", "trailers")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	defer res.Body.Close()
	content := make([]byte, 64<<10)
	// A watch does not end: the first part has all that is needed.
	n, err := io.ReadAtLeast(res.Body, content, 1)
	for err == nil && !strings.Contains(c.path, "/Watch") {
		var more int
		more, err = res.Body.Read(content[n:])
		n += more
	}
	a := answer{text: string(content[:n]), header: res.Header.Clone()}
	maps.Copy(a.header, res.Trailer)
	a.text += a.header.Get("Grpc-Message")
	status := a.header.Get("Grpc-Status")
	switch {
	case res.StatusCode == http.StatusUnauthorized, status == "16", strings.Contains(a.text, `"code":"unauthenticated"`):
		a.code = "unauthenticated"
	case res.StatusCode == http.StatusForbidden, status == "7", strings.Contains(a.text, `"code":"permission_denied"`):
		a.code = "permission_denied"
	case res.StatusCode == http.StatusTooManyRequests, status == "14", strings.Contains(a.text, `"code":"unavailable"`):
		a.code = "unavailable"
	}
	return a
}

// envelope is an envelope of a message.
func envelope(message string) string {
	return string([]byte{0, 0, 0, 0, byte(len(message))}) + message
}

// row is a route with its calls, by protocol.
type row struct {
	need  permission.Need
	calls map[string]call
}

// restRoutes are the paths of REST with their needs.
var restRoutes = map[string]permission.Need{
	"GET /v2":              needRead,
	"GET /v2/":             needRead,
	"GET /v2/health/live":  needNothing,
	"GET /v2/health/ready": needNothing,
	"GET /v2/models/stats": needRead,
	"GET /v2/models/a":     needRead, "GET /v2/models/a/ready": needRead, "GET /v2/models/a/config": needRead, "GET /v2/models/a/stats": needRead,
	"GET /v2/models/a/versions/1": needRead, "GET /v2/models/a/versions/1/ready": needRead,
	"HEAD /v2/models/a":         needRead,
	"POST /v2/models/a/infer":   needInfer,
	"PUT /v2/models/a/infer":    needInfer,
	"POST /v2/repository/index": needRead, "POST /v2/repository/r/index": needRead,
	"POST /v2/repository/models/none/load": needAdmin, "POST /v2/repository/models/none/unload": needAdmin,
	"GET /v2/logging": needServer, "POST /v2/logging": needServer,
	"GET /v2/trace/setting": needServer, "POST /v2/models/a/trace/setting": needAdmin,
	"GET /v2/systemsharedmemory/status": needServer, "POST /v2/systemsharedmemory/region/r/register": needServer, "POST /v2/systemsharedmemory/unregister": needServer,
	"GET /v2/cudasharedmemory/status": needServer, "POST /v2/cudasharedmemory/region/r/register": needServer, "POST /v2/cudasharedmemory/region/r/unregister": needServer,
	"GET /v2/nothing": needRead, "GET /v2/models/../logging": needRead, "GET /v2/%6cogging": needServer,
}

// matrix returns a row for each route of the server. A route without a need is an error.
func (f *fixture) matrix(t *testing.T) map[string]row {
	t.Helper()
	rows := map[string]row{}
	for _, route := range f.routes(Options{}, http.NotFoundHandler(), f.tuning(nil)) {
		need := route.Need
		method, path, hasMethod := strings.Cut(route.Pattern, " ")
		switch {
		case route.Prefix != "":
			if route.NeedOf == nil {
				t.Errorf("%s has no needs", route.Prefix)
			}
			continue
		case need.Action == permission.Unclassified:
			t.Errorf("%s has no need: add it to services, or set Route.Need", route.Pattern)
			continue
		case route.Pattern == "/":
			method, path, hasMethod = http.MethodGet, "/", true
		case strings.HasSuffix(route.Pattern, "/"):
			route.Pattern += "Unknown"
		case strings.HasSuffix(route.Pattern, "/TraceSetting"):
			need.AllModels = true // without a model in the message
		}
		if hasMethod {
			rows[route.Pattern] = row{need, map[string]call{"HTTP": {method: method, path: path}}}
			continue
		}
		unary := call{http.MethodPost, route.Pattern, "application/json", "{}"}
		if route.Streaming || strings.HasSuffix(route.Pattern, "/Watch") {
			unary = call{http.MethodPost, route.Pattern, "application/connect+json", envelope("{}")}
		}
		calls := map[string]call{
			"gRPC":     {http.MethodPost, route.Pattern, "application/grpc", envelope("")},
			"gRPC-Web": {http.MethodPost, route.Pattern, "application/grpc-web", envelope("")},
			"Connect":  unary,
		}
		if strings.HasSuffix(route.Pattern, "Models") || strings.HasSuffix(route.Pattern, "GetModel") {
			calls["Connect GET"] = call{method: http.MethodGet, path: route.Pattern + "?connect=v1&encoding=json&message=%7B%7D"}
		}
		rows[route.Pattern] = row{need, calls}
	}
	for route, need := range restRoutes {
		method, path, _ := strings.Cut(route, " ")
		rows[route] = row{need, map[string]call{"REST": {method: method, path: path}}}
	}
	return rows
}

// lacking returns the name of the client that has all actions except one.
func lacking(action permission.Action) string { return "lacks-" + action.String() }

// TestAccess sends each route, over each protocol and version of HTTP, no credential, one that is not
// valid, those of clients that lack a permission, and one that has all.
func TestAccess(t *testing.T) {
	all := []string{"infer", "read", "admin"}
	clients := []tokenfile.Entry{{Name: "all", Models: []string{"*"}, Actions: all}, {Name: "some-models", Models: []string{"a", "none"}, Actions: all}}
	for _, action := range []permission.Action{permission.Infer, permission.Read, permission.Admin} {
		others := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == action.String() })
		clients = append(clients, tokenfile.Entry{Name: lacking(action), Models: []string{"*"}, Actions: others})
	}
	f := newFixture(t, nil, clients...)
	rows := f.matrix(t)
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, version := range []string{"h1", "h2c", "tls"} {
		client, url := f.transport(t, version)
		for name, row := range rows {
			for protocol, c := range row.calls {
				if protocol == "gRPC" && version == "h1" {
					continue
				}
				check(t, client, url, c, row.need, strings.Join([]string{version, protocol, name}, " "))
			}
		}
	}
	client, _ := f.transport(t, "h1")
	check(t, client, f.debug, call{method: http.MethodGet, path: "/debug/workers"}, needServer, "profiles")
}

func check(t *testing.T, client *http.Client, url string, c call, need permission.Need, name string) {
	t.Helper()
	want := map[string]string{"": "unauthenticated", "tw_unknown": "unauthenticated", "all": "", "some-models": ""}
	switch need.Action {
	case permission.Open:
		want = map[string]string{"": "", "tw_unknown": "", "all": ""}
	case permission.Infer, permission.Read, permission.Admin:
		want[lacking(need.Action)] = "permission_denied"
	}
	if need.AllModels {
		want["some-models"] = "permission_denied"
	}
	texts := map[string]bool{}
	for token, code := range want {
		a := do(t, client, url, c, token)
		if a.code != code {
			t.Errorf("%s with %q: %q, want %q: %.200s", name, token, a.code, code, a.text)
		}
		if code == "unauthenticated" {
			texts[a.text] = true
		}
		if challenge := a.header.Get("Www-Authenticate"); (challenge != "") != (code == "unauthenticated") {
			t.Errorf("%s with %q: WWW-Authenticate is %q", name, token, challenge)
		}
	}
	if len(texts) > 1 {
		t.Errorf("%s: errors without a valid token differ: %v", name, texts)
	}
}

// A model is refused when its name is known, wherever the name is, and nothing reveals that it exists.
func TestModelsOfAClient(t *testing.T) {
	f := newFixture(t, nil, tokenfile.Entry{Name: "only-a", Models: []string{"a"}, Actions: []string{"infer", "read", "admin"}})
	predict, infer := "/modelserving.Predictor/", "/inference.GRPCInferenceService/"
	tensor := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}`
	for name, c := range map[string]struct {
		call call
		code string
	}{
		"infer a":           {call{"POST", predict + "Predict", "application/json", `{"modelName":"a","tensorData":[1]}`}, ""},
		"infer":             {call{"POST", predict + "Predict", "application/json", `{"modelName":"` + hidden + `","tensorData":[1]}`}, "permission_denied"},
		"fast":              {call{"POST", predict + "FastPredict", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"no name":           {call{"POST", predict + "Predict", "application/json", `{"tensorData":[1]}`}, ""},
		"an unknown name":   {call{"POST", predict + "Predict", "application/json", `{"modelName":"none","tensorData":[1]}`}, "permission_denied"},
		"list":              {call{"POST", predict + "ListModels", "application/json", `{}`}, ""},
		"get":               {call{"POST", predict + "GetModel", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"get no name":       {call{"POST", predict + "GetModel", "application/json", `{}`}, ""},
		"ModelInfer":        {call{"POST", infer + "ModelInfer", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"gRPC":              {call{"POST", infer + "ModelInfer", "application/grpc", envelope("\x0a\x0c" + hidden)}, "permission_denied"},
		"gRPC-Web":          {call{"POST", infer + "ModelMetadata", "application/grpc-web", envelope("\x0a\x0c" + hidden)}, "permission_denied"},
		"ModelConfig":       {call{"POST", infer + "ModelConfig", "application/json", `{"name":"` + hidden + `"}`}, "permission_denied"},
		"ModelReady":        {call{"POST", infer + "ModelReady", "application/json", `{"name":"` + hidden + `"}`}, "permission_denied"},
		"ModelStatistics":   {call{"POST", infer + "ModelStatistics", "application/json", `{"name":"` + hidden + `"}`}, "permission_denied"},
		"all statistics":    {call{"POST", infer + "ModelStatistics", "application/json", `{}`}, ""},
		"index":             {call{"POST", infer + "RepositoryIndex", "application/json", `{}`}, ""},
		"load":              {call{"POST", infer + "RepositoryModelLoad", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"unload":            {call{"POST", infer + "RepositoryModelUnload", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"trace":             {call{"POST", infer + "TraceSetting", "application/json", `{"modelName":"` + hidden + `"}`}, "permission_denied"},
		"trace of all":      {call{"POST", infer + "TraceSetting", "application/json", `{}`}, "permission_denied"},
		"REST infer":        {call{"POST", "/v2/models/" + hidden + "/infer", "application/json", tensor}, "permission_denied"},
		"REST infer a":      {call{"POST", "/v2/models/a/infer", "application/json", tensor}, ""},
		"REST escaped":      {call{"POST", "/v2/models/%68idden-model/infer", "application/json", tensor}, "permission_denied"},
		"REST statistics":   {call{"GET", "/v2/models/stats", "", ""}, ""},
		"REST index":        {call{"POST", "/v2/repository/index", "", ""}, ""},
		"REST load":         {call{"POST", "/v2/repository/models/" + hidden + "/load", "", ""}, "permission_denied"},
		"REST missing":      {call{"GET", "/v2/models/a/versions/9/ready", "", ""}, ""},
		"REST of the other": {call{"GET", "/v2/models/" + hidden + "/ready", "", ""}, "permission_denied"},
	} {
		for _, version := range []string{"h1", "h2c", "tls"} {
			if version == "h1" && c.call.contentType == "application/grpc" {
				continue
			}
			client, url := f.transport(t, version)
			a := do(t, client, url, c.call, "only-a")
			if a.code != c.code {
				t.Errorf("%s over %s: %q, want %q: %s", name, version, a.code, c.code, a.text)
			}
			if c.code == "" && strings.Contains(a.text, hidden) {
				t.Errorf("%s over %s reveals the other model: %s", name, version, a.text)
			}
		}
	}
	client, url := f.transport(t, "h2c")
	frames := envelope(`{"modelName":"a","tensorData":[1]}`) + envelope(`{"modelName":"`+hidden+`","tensorData":[1]}`)
	a := do(t, client, url, call{"POST", predict + "StreamPredict", "application/connect+json", frames}, "only-a")
	if !strings.Contains(a.text, `"modelName":"a"`) && !strings.Contains(a.text, `"predictions"`) || strings.Count(a.text, "permission_denied") != 1 {
		t.Errorf("a stream: %s", a.text)
	}
}

func TestAdminRequestsAreAudited(t *testing.T) {
	f := newFixture(t, nil, tokenfile.Entry{Name: "operator", Models: []string{"*"}, Actions: []string{"admin"}}, tokenfile.Entry{Name: "guest", Models: []string{"*"}, Actions: []string{"infer"}})
	client, url := f.transport(t, "h2c")
	unload := call{"POST", "/inference.GRPCInferenceService/RepositoryModelUnload", "application/grpc", envelope("\x12\x01a")}
	do(t, client, url, unload, "operator")
	do(t, client, url, call{"POST", "/v2/repository/models/a/load", "", ""}, "operator")
	do(t, client, url, unload, "guest")
	do(t, client, url, unload, "")
	for _, want := range []string{
		"client=operator method=POST path=/inference.GRPCInferenceService/RepositoryModelUnload model=a code=ok",
		"client=operator method=POST path=/v2/repository/models/a/load model=a code=ok",
		`client=guest method=POST path=/inference.GRPCInferenceService/RepositoryModelUnload model="" code=permission_denied`,
	} {
		if !strings.Contains(f.log.String(), want) {
			t.Errorf("no %s in %s", want, f.log)
		}
	}
	// Anyone could fill the log.
	if n := strings.Count(f.log.String(), "admin request"); n != 3 {
		t.Errorf("%d lines", n)
	}
	if strings.Contains(f.log.String(), "Bearer") {
		t.Error("the log has a credential")
	}
}

// Without tokens, this machine administers, and a client behind a proxy does not.
func TestAdminAccessWithoutTokens(t *testing.T) {
	logging := call{"GET", "/v2/logging", "", ""}
	load := call{"POST", "/inference.GRPCInferenceService/RepositoryModelLoad", "application/grpc", envelope("\x12\x01a")}
	for access, c := range map[string]struct{ here, proxied string }{
		"":         {"", "permission_denied"},
		"loopback": {"", "permission_denied"},
		"all":      {"", ""},
		"token":    {"permission_denied", "permission_denied"},
	} {
		f := newFixture(t, func(c *config.Config) { c.AdminAccess = access })
		client, url := f.transport(t, "h2c")
		for _, request := range []call{logging, load} {
			if a := do(t, client, url, request, ""); a.code != c.here {
				t.Errorf("%q, %s: %q: %s", access, request.path, a.code, a.text)
			}
			a := do(t, client, url, request, "", "X-Forwarded-For", "203.0.113.9")
			if a.code != c.proxied || a.code != "" && !strings.Contains(a.text, "auth-tokens") {
				t.Errorf("%q, %s through a proxy: %q: %s", access, request.path, a.code, a.text)
			}
		}
		if a := do(t, client, url, call{"GET", "/metrics", "", ""}, "", "X-Forwarded-For", "203.0.113.9"); a.code != "" {
			t.Errorf("%q: metrics: %s", access, a.text)
		}
	}
}

func TestLimitsOfAClient(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.ClientRate = 1 }, tokenfile.Entry{Name: "first", Models: []string{"*"}, Actions: []string{"read"}}, tokenfile.Entry{Name: "second", Models: []string{"*"}, Actions: []string{"read"}})
	list := "/modelserving.Predictor/ListModels"
	for protocol, c := range map[string]call{
		"gRPC":     {"POST", list, "application/grpc", envelope("")},
		"gRPC-Web": {"POST", list, "application/grpc-web", envelope("")},
		"Connect":  {"POST", list, "application/json", "{}"},
		"REST":     {"GET", "/v2", "", ""},
	} {
		client, url := f.transport(t, "h2c")
		refused := false
		for range 50 { // more than one in each second, however slow the machine is
			a := do(t, client, url, c, "first")
			if a.code == "unavailable" {
				refused = true
				if a.header.Get("Retry-After") != "1" {
					t.Errorf("%s: %v", protocol, a.header)
				}
				if strings.HasPrefix(protocol, "gRPC") && a.header.Get("Grpc-Retry-Pushback-Ms") == "" {
					t.Errorf("%s: %v", protocol, a.header)
				}
				break
			}
		}
		if !refused {
			t.Errorf("%s: no request was refused", protocol)
		}
		for range 5 {
			if a := do(t, client, url, call{method: "GET", path: "/livez"}, "first"); a.code != "" {
				t.Errorf("a probe is refused: %s", a.text)
			}
		}
	}
	client, url := f.transport(t, "h2c")
	if a := do(t, client, url, call{method: "GET", path: "/v2"}, "second"); a.code != "" {
		t.Errorf("another client: %s", a.text)
	}
}

// Pages of other origins can read the refusal, and preflights need no credential.
func TestPagesAreAskedForAToken(t *testing.T) {
	f := newFixture(t, func(c *config.Config) { c.CORSOrigins = []string{"https://app.example"} }, tokenfile.Entry{Name: "page", Models: []string{"a"}, Actions: []string{"read"}})
	client, url := f.transport(t, "h1")
	path := "/modelserving.Predictor/ListModels"
	a := do(t, client, url, call{"POST", path, "application/json", "{}"}, "", "Origin", "https://app.example")
	if a.code != "unauthenticated" || a.header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("%s, %v", a.text, a.header)
	}
	a = do(t, client, url, call{method: "OPTIONS", path: path}, "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if a.code != "" || a.header.Get("Access-Control-Allow-Headers") != "authorization" {
		t.Errorf("the preflight: %s, %v", a.text, a.header)
	}
	a = do(t, client, url, call{method: "GET", path: "/whoami"}, "page")
	if want := fmt.Sprintln(`{"name":"page","actions":["read"],"models":["a"]}`); a.text != want {
		t.Errorf("whoami: %s", a.text)
	}
}
