package server

import (
	"encoding/json"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// refuser answers requests that middleware refuses, in the client's protocol.
type refuser struct{ rpc *connecthttp.ErrorWriter }

func newRefuser() *refuser { return &refuser{connecthttp.NewErrorWriter()} }

// write answers with an error: of an RPC, as the JSON of the REST API, or as text. status is that
// of protocols whose errors have one.
func (f *refuser) write(w http.ResponseWriter, r *http.Request, status int, err *connect.Error) {
	telemetry.SetOutcome(r.Context(), telemetry.Outcome{Code: err.Code().String(), Err: err})
	switch {
	case (isRPC(r) || r.Method == http.MethodPost && isProcedure(r.URL.Path)) && f.rpc.IsSupported(r):
		_ = f.rpc.Write(&statusWriter{w, status}, r, err) // the client may have disconnected
	case strings.HasPrefix(r.URL.Path, "/v2/"):
		body, _ := json.Marshal(struct { // a string has a JSON form
			Error string `json:"error"`
		}{err.Message()})
		w.Header().Set(wire.HeaderContentType, "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(body) // as above
	default:
		http.Error(w, err.Message(), status)
	}
}

// statusWriter replaces the status of an error. A response of gRPC has the status 200.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (w *statusWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		status = w.status
	}
	w.ResponseWriter.WriteHeader(status)
}
