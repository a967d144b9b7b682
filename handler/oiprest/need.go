package oiprest

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// Need returns the permission that a request needs, by its path.
func (h *Handler) Need(r *http.Request) permission.Need {
	inner, ok := routed(r)
	if !ok {
		return permission.Need{Action: permission.Read}
	}
	w := &needWriter{}
	h.needs.ServeHTTP(w, inner)
	return w.need
}

// needWriter is the response of a mux whose handlers write needs. Without a handler, as for a
// redirect, the need is the zero value.
type needWriter struct {
	need   permission.Need
	header http.Header
}

// needHandler returns the handler of a route that needs an action. Requests of the server itself,
// which name no model, need all of them.
func needHandler(action permission.Action) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if answer, ok := w.(*needWriter); ok {
			model := r.PathValue("model")
			answer.need = permission.Need{Action: action, Model: model, AllModels: action == permission.Admin && model == ""}
		}
	}
}

// Header implements [http.ResponseWriter].
func (w *needWriter) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// Write implements [http.ResponseWriter].
func (*needWriter) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (*needWriter) WriteHeader(int) {}
